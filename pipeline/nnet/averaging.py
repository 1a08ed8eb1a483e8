"""Weights at the end of each epoch, kept as long as they may enter the final model."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeline.io.atomic import write_bytes


class EpochModels:
    """Keeps the weights of the last epochs and of those up to the best one."""

    def __init__(self, folder: Path, count: int) -> None:
        """`count` models are averaged."""
        self._folder = folder
        self._count = count

    def _path(self, epoch: int) -> Path:
        return self._folder / f"epoch_{epoch}.safetensors"

    def _window(self, last: int) -> list[int]:
        return list(range(max(1, last - self._count + 1), last + 1))

    def save(self, model: nn.Module, epoch: int, best_epoch: int) -> None:
        """Keep the weights of `epoch` (1-based) and drop those that no average needs any more."""
        weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
        write_bytes(self._path(epoch), save(weights))
        needed = {self._path(e) for e in self._window(epoch) + self._window(best_epoch)}
        for path in self._folder.glob("epoch_*.safetensors"):
            if path not in needed:
                path.unlink()

    def average(self, model: nn.Module, last: int) -> list[int]:
        """Load the mean (in float64) of the epochs up to `last` into `model`; return the epochs."""
        epochs = self._window(last)
        total: dict[str, Tensor] = {}
        for epoch in epochs:
            for name, tensor in load_file(self._path(epoch)).items():
                total[name] = total.get(name, torch.zeros(())).double() + tensor.double()
        model.load_state_dict({name: (sum_ / len(epochs)) for name, sum_ in total.items()})
        return epochs
