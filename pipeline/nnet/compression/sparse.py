"""Weights with many zeros on disk: one bit for each, and the values that are not zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

PLACES, VALUES, SHAPE = ".places", ".values", ".shape"


def pack_sparse(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each matrix as three tensors; everything else as it is.

    `.places`: uint8, eight bits a byte, 1 where the matrix (row by row) is not zero; `.values`:
    those values; `.shape`: its two numbers.
    """
    packed: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.dim() != 2:
            packed[name] = weight
            continue
        flat = weight.flatten()
        packed[name + PLACES] = torch.from_numpy(np.packbits(flat.numpy() != 0))
        packed[name + VALUES] = flat[flat != 0]
        packed[name + SHAPE] = torch.tensor(weight.shape)
    return packed


def unpack_sparse(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `pack_sparse` was given.

    Raises:
        KeyError, RuntimeError: a matrix's tensors do not belong together.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in packed.items():
        if not name.endswith((PLACES, VALUES, SHAPE)):
            weights[name] = tensor
        elif name.endswith(PLACES):
            matrix = name.removesuffix(PLACES)
            shape = packed[matrix + SHAPE].tolist()
            size = shape[0] * shape[1]
            places = torch.from_numpy(np.unpackbits(tensor.numpy())[:size]).bool()
            flat = torch.zeros(size)
            flat[places] = packed[matrix + VALUES]
            weights[matrix] = flat.view(*shape)
    return weights
