"""What the training loop remembers of its epochs, and what it makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pipeline.io.errors import UserError
from pipeline.nnet.step_log import finite


@dataclass
class EpochSums:
    """Running sums of the present epoch."""

    loss: float = 0.0  # over frames
    frames: int = 0
    steps: int = 0
    clipped: int = 0
    skipped: int = 0
    seconds: float = 0.0


@dataclass
class State:
    """What the training loop itself remembers; JSON."""

    step: int = 0
    sums: EpochSums = field(default_factory=EpochSums)
    epochs: list[dict[str, Any]] = field(default_factory=list)  # lines of log.jsonl
    best_epoch: int = 0  # 1-based; 0: none yet

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        """Read back what `dataclasses.asdict` gave."""
        return cls(data["step"], EpochSums(**data["sums"]), data["epochs"], data["best_epoch"])


def add_step(sums: EpochSums, record: dict[str, Any]) -> None:
    """Count a step by its line of steps.jsonl."""
    sums.steps += 1
    sums.clipped += record["clipped"]
    sums.skipped += record["skipped"]
    if record["loss"] is not None:
        sums.loss += record["loss"] * record["frames"]
        sums.frames += record["frames"]


class DivergedError(UserError):
    """A training that cannot go on: nothing in an epoch was finite."""


def end_epoch(
    state: State, epoch: int, learning_rate: float, held_out_loss: float, accuracy: float
) -> None:
    """Turn the sums of an epoch into its line of log.jsonl.

    Raises:
        DivergedError: nothing in it was finite.
    """
    sums = state.sums
    if sums.skipped == sums.steps or not math.isfinite(held_out_loss):
        raise DivergedError(
            f"training: epoch {epoch}: {sums.skipped} of {sums.steps} gradients and the held-out "
            f"loss {held_out_loss:.3g}: not finite; lower learning_rate or clip the gradients"
        )
    state.epochs.append(
        {
            "epoch": epoch,
            "steps": state.step,
            "loss": finite(sums.loss / sums.frames),
            "held_out_loss": held_out_loss,
            "frame_accuracy": accuracy,
            "learning_rate": learning_rate,
            "clipping_rate": sums.clipped / sums.steps,
            "skipped_steps": sums.skipped,
            "frames_per_second": sums.frames / max(sums.seconds, 1e-9),
            "seconds": sums.seconds,
        }
    )
    best = min(state.epochs, key=lambda record: record["held_out_loss"])
    state.best_epoch = best["epoch"]
    state.sums = EpochSums()


def stops_early(state: State, patience: int | None) -> bool:
    """Whether the last `patience` epochs brought no better held-out loss."""
    return patience is not None and len(state.epochs) - state.best_epoch >= patience
