"""One JSON line for each training step, kept in step with the checkpoints; TensorBoard."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from pipeline.nnet.clipping import ClippingStatistics

STEP_SCALARS = (
    *("loss", "learning_rate", "norm_before", "norm_after", "coefficient", "clipped"),
    *("share_clipped", "threshold", "skipped"),
)


def finite(value: float) -> float | None:
    """The value, or None (JSON has no NaN)."""
    return value if math.isfinite(value) else None


def step_record(
    step: int,
    epoch: int,
    loss: float,
    num_frames: int,
    learning_rate: float,
    clipping: ClippingStatistics,
) -> dict[str, Any]:
    """The line of one step; numbers that are not finite become null."""
    record = {
        "step": step,
        "epoch": epoch,
        "loss": finite(loss),
        "frames": num_frames,
        "learning_rate": learning_rate,
        "norm_before": finite(clipping.norm_before),
        "norm_after": finite(clipping.norm_after),
        "coefficient": finite(clipping.coefficient),
        "clipped": clipping.clipped,
        "share_clipped": clipping.share_clipped,
        "threshold": clipping.threshold,
        "skipped": clipping.skipped,
        "norm_by_layer": {layer: finite(norm) for layer, norm in clipping.norm_by_layer.items()},
    }
    if clipping.update_norm_before is not None:
        record["update_norm_before"] = finite(clipping.update_norm_before)
        record["update_norm_after"] = clipping.update_norm_after
    return record


class StepLog:
    """Appends lines to a working file; lines later than a checkpoint are cut off on resuming."""

    def __init__(self, path: Path, num_steps: int) -> None:
        """Open `path` and keep its first `num_steps` lines."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        self._file = path.open("wb")
        self._file.writelines(lines[:num_steps])
        self._buffer: list[bytes] = []

    def append(self, record: dict[str, Any]) -> None:
        """Add one line; it reaches the disk with `flush`."""
        self._buffer.append(json.dumps(record).encode() + b"\n")

    def flush(self) -> None:
        """Write all lines to the disk; to be called before a checkpoint is written."""
        self._file.writelines(self._buffer)
        self._buffer.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> bytes:
        """Flush, close and return the whole log."""
        self.flush()
        self._file.close()
        return self._path.read_bytes()


class TensorBoard:
    """The same numbers as event files; `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, folder: Path, num_steps: int) -> None:
        """Go on after `num_steps` steps: what a killed training wrote later is to be ignored."""
        from tensorboardX import SummaryWriter  # slow to import, and seldom asked for

        purge = num_steps + 1 if num_steps else None
        self._writer = SummaryWriter(str(folder), purge_step=purge, write_to_disk=True)

    def step(self, record: dict[str, Any]) -> None:
        """Write a line of steps.jsonl; a layer's norm is called norm/<layer>."""
        for name in STEP_SCALARS:
            if record[name] is not None:
                self._writer.add_scalar(f"step/{name}", float(record[name]), record["step"])
        for layer, norm in record["norm_by_layer"].items():
            if norm is not None:
                self._writer.add_scalar(f"norm/{layer}", norm, record["step"])

    def epoch(self, record: dict[str, Any]) -> None:
        """Write a line of log.jsonl, at the number of steps done."""
        for name, value in record.items():
            if name not in ("epoch", "steps") and value is not None:
                self._writer.add_scalar(f"epoch/{name}", value, record["steps"])

    def flush(self) -> None:
        """Bring all to the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest and end."""
        self._writer.close()
