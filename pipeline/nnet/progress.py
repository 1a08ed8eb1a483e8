"""What a person sees of a training: a bar with rate and time left, or plain lines."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Reporter(Protocol):
    """Told of what happens in a training."""

    def message(self, text: str) -> None:
        """A line worth reading."""

    def advance(self, epoch: int, done: float, frames: int, loss: float) -> None:
        """A step of `frames` frames was done; `done` is the share of the whole training."""

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch ended; `record` is its line of log.jsonl."""


class Quiet:
    """Says nothing."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def advance(self, epoch: int, done: float, frames: int, loss: float) -> None:
        """Ignore it."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Ignore it."""


class ConsoleReporter:
    """A rich progress bar on a terminal, plain lines elsewhere; both on stderr."""

    def __init__(self, unit: str = "frames") -> None:
        """Nothing is shown before the context is entered; `unit` is what a step is measured in."""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %  loss {task.fields[loss]:.3f}"),
            TextColumn(f"{{task.fields[rate]:,.0f}} {unit}/s  left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._progress.add_task("training", total=1.0, loss=0.0, rate=0.0)
        self._frames = 0

    def __enter__(self) -> ConsoleReporter:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def message(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False)

    def advance(self, epoch: int, done: float, frames: int, loss: float) -> None:
        """Move the bar."""
        if self._progress.disable:
            return
        self._frames += frames
        elapsed = self._progress.tasks[0].elapsed or 0.0
        self._progress.update(
            self._task,
            completed=done,
            description=f"epoch {epoch}",
            loss=loss,
            rate=self._frames / elapsed if elapsed else 0.0,
        )

    def epoch(self, record: dict[str, Any]) -> None:
        """Print one line."""
        self.message(
            f"epoch {record['epoch']}: loss {record['loss']:.4f}, held-out "
            f"{record['held_out_loss']:.4f}, frame accuracy {record['frame_accuracy']:.1%}, "
            f"rate {record['learning_rate']:.2g}, clipped {record['clipping_rate']:.0%}, "
            f"{record['frames_per_second']:,.0f} frames/s, {record['seconds']:.1f} s"
        )


def make_reporter(shown: bool, unit: str = "frames") -> AbstractContextManager[Reporter]:
    """One for the console, or one that says nothing (the other processes of a training)."""
    return ConsoleReporter(unit) if shown else nullcontext(Quiet())
