"""Several processes that train one network together, each with its share of every batch.

Each process holds the whole data and draws the same batches; it computes the loss of every n-th
utterance, and torch's DistributedDataParallel sums the gradients (gloo on a CPU, nccl on GPUs). All
of them then clip and step alike, so the weights stay the same everywhere; the first one writes the
logs, checkpoints and the model.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.io.errors import run
from pipeline.nnet.batches import IGNORED, Batch

Item = TypeVar("Item")
PATIENCE = timedelta(hours=2)  # for the first process, which also evaluates and writes


@dataclass(frozen=True)
class Processes:
    """This process's place (from 0) among all that train together; alone by default."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, batch: Batch, items: Sequence[Item]) -> tuple[Batch, list[Item]]:
        """This process's utterances of a batch, and those of `items` (N,) that belong to them.

        Padding stays as it is. A process without an utterance gets the first one without targets:
        it must take part in the sum of gradients.
        """
        rows = list(range(self.rank, len(items), self.count))
        if self.count == 1:
            return batch, list(items)
        if not rows:
            nothing = torch.full_like(batch.targets[:1], IGNORED)
            return Batch(batch.features[:1], batch.lengths[:1], nothing, 0), list(items[:1])
        num_frames = int((batch.targets[rows] != IGNORED).sum())
        chosen = replace(
            batch,
            features=batch.features[rows],
            lengths=batch.lengths[rows],
            targets=batch.targets[rows],
            num_frames=num_frames,
        )
        return chosen, [items[row] for row in rows]

    def together(self, loss: LossModule) -> nn.Module:
        """The loss as a module whose gradients are summed over the processes."""
        return loss if self.count == 1 else DistributedDataParallel(loss)

    def sum(self, value: float) -> float:
        """Sum of each process's value."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return total.item()

    def of_first(self, compute: Callable[[], Sequence[float]]) -> list[float]:
        """What the first process computes, for all of them."""
        if self.count == 1:
            return list(compute())
        values: list[Any] = [list(compute()) if self.is_first else None]
        distributed.broadcast_object_list(values)
        found: list[float] = values[0]
        return found

    def wait_for_all(self) -> None:
        """Go on when every process has come here."""
        if self.count > 1:
            distributed.barrier()


class LossModule(nn.Module):
    """A loss of batches as a module, so that DistributedDataParallel can look after it."""

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor]) -> None:
        """`loss` computes with `model`, whose parameters get the gradients."""
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, *arguments: Any) -> Tensor:
        """The loss of its arguments."""
        return self._loss(*arguments)


def run_processes(
    function: Callable[..., None], arguments: tuple[Any, ...], num_processes: int
) -> None:
    """Call `function(processes, *arguments)` in so many processes at once; 1: in this one.

    Args:
        function: of a module's top level, for it is sent to the others by name.
        arguments: what pickle can send to child processes.
    Raises:
        UserError: what the function raised, of a single process.
        SystemExit: one of several processes ended with an error, which the first has printed.
    """
    if num_processes == 1:
        function(Processes(), *arguments)
        return
    # That it ends the others after an error is no news.
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting").as_uri()
        try:
            multiprocessing.start_processes(
                _child, (function, arguments, num_processes, meeting), num_processes, daemon=True
            )
        except multiprocessing.ProcessExitedException as error:
            sys.exit(error.exit_code if error.exit_code > 0 else 1)


def _child(
    rank: int, function: Callable[..., None], arguments: tuple[Any, ...], count: int, meeting: str
) -> None:
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=count, timeout=PATIENCE
    )
    hidden = nullcontext() if rank == 0 else redirect_stderr(io.StringIO())
    try:
        with hidden:  # an error of the user's is the same in all of them: one tells it
            run(lambda: function(Processes(rank, count), *arguments))
    finally:
        distributed.destroy_process_group()
