"""What every clipping method shares: reading the gradients once, skipping, statistics, state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

EPSILON = 1e-6  # added to a norm before dividing by it, as torch.nn.utils.clip_grad_norm_ does

Threshold = float | Literal["1/sqrt(d)"]


@dataclass(frozen=True, slots=True)
class ClippingStatistics:
    """What one step's clipping saw and did; norms are Euclidean."""

    norm_before: float
    norm_after: float  # 0 when the step is skipped
    coefficient: float  # norm_after / norm_before; 1 when nothing was clipped
    clipped: bool
    skipped: bool  # the gradient is not finite: the caller must not step
    norm_by_layer: dict[str, float]  # before clipping
    culprit: str | None = None  # first tensor with a gradient that is not finite


@dataclass(frozen=True, slots=True)
class Gradients:
    """The gradients of one step, tensor by tensor, with their norms already on the host."""

    names: list[str]
    parameters: list[nn.Parameter]
    tensors: list[Tensor]
    norms: list[float]
    total: float


def tensor_norms(tensors: list[Tensor], order: float = 2.0) -> list[float]:
    """Norm of each tensor with one synchronisation for all."""
    if not tensors:
        return []
    return torch.stack(torch._foreach_norm(tensors, order)).tolist()


def total_norm(norms: list[float]) -> float:
    """Euclidean norm of the whole from the Euclidean norms of its parts."""
    return math.sqrt(math.fsum(norm * norm for norm in norms))


def layer_of(parameter_name: str) -> str:
    """Layer a parameter belongs to: `layers.0.forward_cell.weight_ih_l0` -> `layers.0`."""
    parts = parameter_name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]


class Clipper(ABC):
    """Takes the gradients between `backward` and `step`; call it once a step.

    A subclass implements `_clip`. Methods that act inside the graph register their hooks in
    `__init__` (the model is given there); methods that clip the update override `after_step`.
    A method with a history overrides `state_dict` and `load_state_dict`; the state must be JSON.
    """

    def __init__(self, model: nn.Module, threshold: Threshold, input_dim: int) -> None:
        """`input_dim` is d in the threshold 1/sqrt(d): the network's input features per frame."""
        self.threshold = 1.0 / math.sqrt(input_dim) if threshold == "1/sqrt(d)" else threshold
        self._named = list(model.named_parameters())

    def __call__(self) -> ClippingStatistics:
        """Clip the gradients in place, unless they are not finite: then nothing is changed."""
        names, parameters, tensors = [], [], []
        for name, parameter in self._named:
            if parameter.grad is not None:
                names.append(name)
                parameters.append(parameter)
                tensors.append(parameter.grad)
        norms = tensor_norms(tensors)
        total = total_norm(norms)
        squares: dict[str, float] = {}
        for name, norm in zip(names, norms, strict=True):
            layer = layer_of(name)
            squares[layer] = squares.get(layer, 0.0) + norm * norm
        by_layer = {layer: math.sqrt(square) for layer, square in squares.items()}
        if not math.isfinite(total):
            bad = (n for n, norm in zip(names, norms, strict=True) if not math.isfinite(norm))
            return ClippingStatistics(total, 0.0, 0.0, False, True, by_layer, next(bad, None))
        after = self._clip(Gradients(names, parameters, tensors, norms, total))
        clipped = after is not None
        after = total if after is None else after
        coefficient = after / total if clipped and total > 0 else 1.0
        return ClippingStatistics(total, after, coefficient, clipped, False, by_layer)

    @abstractmethod
    def _clip(self, gradients: Gradients) -> float | None:
        """Change `gradients.tensors` in place; return the norm after, or None if unchanged."""

    def after_step(self) -> None:  # noqa: B027
        """Called after the optimiser's step; methods that clip the update act here."""

    def state_dict(self) -> dict[str, Any]:
        """History needed to go on exactly; empty for methods without one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a history made by `state_dict`."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state, found {sorted(state)}")
