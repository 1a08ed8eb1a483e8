"""What a person sees of running jobs: bars with time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import typer

from pipeline.cli.measured import benchmark_seconds
from pipeline.io.quantities import duration
from pipeline.snakemake_messages import Finished, Job

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REASON_WIDTH = 150  # characters
TAIL = 400  # bytes of a log that its last line is looked for in
LINE_WIDTH = 60  # characters of it that are shown


def finished_line(event: Finished) -> str:
    """`[ 3/56] train_mono official mono: 2.7 s`, with the reason where it is unusual."""
    width = len(str(event.total))
    why = textwrap.shorten(event.job.unusual_reason, REASON_WIDTH)
    line = f"[{event.done:{width}}/{event.total}] {event.job.name}: {event.seconds:.1f} s"
    return f"{line} ({why})" if why else line


def last_line(log: Path) -> str:
    """The last line that a job has written to its log: rate and time left, of a training."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.path.getsize(log) - TAIL))
            lines = file.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    full = [line.strip() for line in lines if line.strip()]
    return textwrap.shorten(full[-1], LINE_WIDTH, placeholder="…") if full else ""


class Display(Protocol):
    """Told of what happens to jobs."""

    def __enter__(self) -> Display:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal clean."""

    def started(self, job: Job) -> None:
        """A job starts."""

    def finished(self, event: Finished) -> None:
        """A job has ended well."""

    def failed(self, job: Job, why: str) -> None:
        """A job has failed."""


class PlainLines:
    """One line for each job that ends."""

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to clean."""

    def started(self, job: Job) -> None:
        """Nothing yet."""

    def finished(self, event: Finished) -> None:
        """Its line, but for a moment's work without a log."""
        if event.job.log:
            typer.echo(finished_line(event))

    def failed(self, job: Job, why: str) -> None:
        """Its line, on stderr."""
        typer.echo(f"failed: {job.name}: {why}", err=True)


class Bars:
    """A bar for the run and a line for each running job: time, usual time, log's last line."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            SpinnerColumn,
            Task,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.text import Text

        class Left(ProgressColumn):
            """Usual time of a job, by its last run; for the whole run, left at the rate so far."""

            def render(self, task: Task) -> Text:
                usual = task.fields.get("usual")
                if usual is not None:
                    return Text(f"of about {duration(usual)}", style="progress.remaining")
                if task.total and task.completed and task.elapsed:
                    left = task.elapsed / task.completed * (task.total - task.completed)
                    return Text(f"{duration(left)} left", style="progress.remaining")
                return Text("")

        class LogLine(ProgressColumn):
            """Last line of the job's log."""

            def render(self, task: Task) -> Text:
                log = task.fields.get("log")
                return Text(last_line(Path(log)) if log else "", style="dim")

        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            Left(),
            LogLine(),
            transient=True,
            refresh_per_second=4,
        )
        self._whole: TaskID = self._progress.add_task("jobs", total=None)
        self._of_job: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, job: Job) -> None:
        """Add its line."""
        if not job.log:
            return
        benchmark = job.details.get("benchmark")
        usual = benchmark_seconds(Path(benchmark)) if benchmark else None
        task = self._progress.add_task(
            job.name, total=None, log=job.log, usual=usual[0] if usual else None
        )
        self._of_job[job.name] = task

    def finished(self, event: Finished) -> None:
        """Its line goes up into the terminal's history."""
        self._remove(event.job)
        self._progress.update(self._whole, total=event.total, completed=event.done)
        if event.job.log:
            self._progress.console.print(finished_line(event), markup=False, highlight=False)

    def failed(self, job: Job, why: str) -> None:
        """Say why, above the bars."""
        self._remove(job)
        line = f"failed: {job.name}: {why}"
        self._progress.console.print(line, markup=False, highlight=False, style="bold red")

    def _remove(self, job: Job) -> None:
        task = self._of_job.pop(job.name, None)
        if task is not None:
            self._progress.remove_task(task)


def make_display() -> Display:
    """Bars if a person watches."""
    return Bars() if sys.stdout.isatty() else PlainLines()
