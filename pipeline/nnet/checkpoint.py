"""The whole state of a training in one file, so that a killed training goes on bit for bit.

One safetensors file: tensors of model, optimiser and random generator; everything else (place in
the data, schedule, clipper, results so far, fingerprint) as JSON in the header's metadata. One file
written to a temporary name and renamed: there is never half a checkpoint. No pickle is read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pipeline.io.atomic import write_bytes

FILE_NAME = "last.safetensors"
FORMAT = 1

Fingerprint = dict[str, Any]


@dataclass
class Checkpoint:
    """A checkpoint read back: `state` is the JSON part, `tensors` by name."""

    state: dict[str, Any]
    tensors: dict[str, Tensor]


def digest(*arrays: np.ndarray | list[str]) -> str:
    """Hash of arrays and lists of names, for fingerprints."""
    hasher = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if isinstance(array, list):
            hasher.update("\n".join(array).encode())
        else:
            hasher.update(f"{array.dtype}{array.shape}".encode())
            hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """Hash of a network's weights and normalisation, for fingerprints."""
    hasher = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted([*model.named_parameters(), *model.named_buffers()]):
        hasher.update(f"{name}{tuple(tensor.shape)}".encode())
        hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()


def save_checkpoint(
    directory: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    fingerprint: Fingerprint,
) -> None:
    """Write `directory`/last.safetensors atomically; `state` must be JSON."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if value is not None:
                tensors[f"optimizer.{index}.{name}"] = value
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, "fingerprint": fingerprint, "state": state})
    write_bytes(directory / FILE_NAME, save(tensors, {"checkpoint": text}))


def read_checkpoint(directory: Path, fingerprint: Fingerprint) -> tuple[Checkpoint | None, str]:
    """Read the checkpoint if there is one and it belongs to this training.

    Returns:
        The checkpoint or None, and a line that says why it was not taken ("" if there is none).
    """
    path = directory / FILE_NAME
    if not path.exists():
        return None, ""
    try:
        with safe_open(path, framework="pt") as file:
            data = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
            if data.get("format") != FORMAT:
                return None, f"{path}: of another version; training starts anew"
            found = data["fingerprint"]
            names = sorted(found.keys() | fingerprint.keys())
            changed = [name for name in names if found.get(name) != fingerprint.get(name)]
            if changed:
                return None, f"{path}: changed since: {', '.join(changed)}; training starts anew"
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Checkpoint(data["state"], tensors), ""
    except (SafetensorError, ValueError, KeyError) as error:
        return None, f"{path}: damaged ({error}); training starts anew"


def restore(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Give model, optimiser and random generators the state they had."""
    weights: dict[str, Tensor] = {}
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "model":
            weights[rest] = tensor
        elif kind == "optimizer":
            index, _, key = rest.partition(".")
            values.setdefault(int(index), {})[key] = tensor
    model.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": values, "param_groups": groups})
    torch.set_rng_state(checkpoint.tensors["rng.cpu"])
    if torch.cuda.is_available() and "rng.cuda" in checkpoint.tensors:
        torch.cuda.set_rng_state(checkpoint.tensors["rng.cuda"])
