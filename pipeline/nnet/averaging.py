"""Weights at the end of each epoch, kept as long as they may enter the final model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeline.data.copies import original_name
from pipeline.io.atomic import write_bytes, write_text
from pipeline.io.errors import UserError

HELD_OUT = "held_out.txt"  # beside the weights of the epochs: utterance_ids, one a line


class EpochModels:
    """Keeps the weights of the last epochs and of those up to the best one, or of all."""

    def __init__(self, folder: Path, count: int, keep_all: bool = False) -> None:
        """`count` models are averaged."""
        self._folder = folder
        self._count = count
        self._keep_all = keep_all

    def _path(self, epoch: int) -> Path:
        return self._folder / f"epoch_{epoch}.safetensors"

    def _window(self, last: int) -> list[int]:
        return list(range(max(1, last - self._count + 1), last + 1))

    def save(self, model: nn.Module, epoch: int, best_epoch: int) -> None:
        """Keep the weights of `epoch` (1-based) and drop those that no average needs any more."""
        weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
        write_bytes(self._path(epoch), save(weights))
        if self._keep_all:
            return
        needed = {self._path(e) for e in self._window(epoch) + self._window(best_epoch)}
        for path in self._folder.glob("epoch_*.safetensors"):
            if path not in needed:
                path.unlink()

    def copy_to(self, folder: Path, held_out: Iterable[str]) -> None:
        """Copy the weights to `folder`, with the held-out utterance_ids that are no copies.

        The list is written last: where it lies, the weights are whole.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in self._folder.glob("epoch_*.safetensors"):
            shutil.copyfile(path, folder / path.name)
        originals = [name for name in held_out if original_name(name) == name]
        write_text(folder / HELD_OUT, "".join(f"{name}\n" for name in originals))

    def average(self, model: nn.Module, last: int) -> list[int]:
        """Load the mean (in float64) of the epochs up to `last` into `model`; return the epochs."""
        epochs = self._window(last)
        total: dict[str, Tensor] = {}
        for epoch in epochs:
            for name, tensor in load_file(self._path(epoch)).items():
                total[name] = total.get(name, torch.zeros(())).double() + tensor.double()
        model.load_state_dict({name: (sum_ / len(epochs)) for name, sum_ in total.items()})
        return epochs


def kept_epochs(folder: Path) -> dict[int, Path]:
    """Epoch (1-based) -> its weights, of a folder that `EpochModels.copy_to` filled."""
    paths = {path: re.fullmatch(r"epoch_(\d+)", path.stem) for path in folder.iterdir()}
    found = {int(match[1]): path for path, match in paths.items() if match}
    return dict(sorted(found.items()))


def load_epoch(model: nn.Module, path: Path) -> None:
    """Put the weights of one epoch into the network that was trained.

    Raises:
        UserError: the file is damaged or of another network.
    """
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        line = " ".join(str(error).split())
        raise UserError(f"{path}: not of this network ({line}); train it again") from None
