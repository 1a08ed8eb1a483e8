"""What every clipping method shares: reading the gradients once, skipping, statistics, state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config import ClippingOptions

EPSILON = 1e-6  # added to a norm before dividing by it, as torch.nn.utils.clip_grad_norm_ does


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
    threshold: float | None = None  # in force; None while there is none
    share_clipped: float = 0.0  # of what the method looks at: elements, rows, tensors, utterances
    update_norm_before: float | None = None  # max_change only: the parameters' change
    update_norm_after: float | None = None


@dataclass(frozen=True, slots=True)
class Gradients:
    """The gradients of one step, tensor by tensor, with their norms already on the host."""

    names: list[str]
    parameters: list[nn.Parameter]
    tensors: list[Tensor]
    norms: list[float]
    total: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method did with the gradients of one step."""

    norm: float  # of the whole gradient, afterwards
    clipped: bool
    share: float  # see ClippingStatistics.share_clipped
    threshold: float | None


def tensor_norms(tensors: list[Tensor], order: float = 2.0) -> list[float]:
    """Norm of each tensor with one synchronisation for all."""
    if not tensors:
        return []
    return torch.stack(torch._foreach_norm(tensors, order)).tolist()


def total_norm(norms: list[float]) -> float:
    """Euclidean norm of the whole from the Euclidean norms of its parts."""
    return math.sqrt(math.fsum(norm * norm for norm in norms))


def scale_to(bound: float | None, gradients: Gradients) -> Outcome:
    """Scale the whole gradient down to a norm of `bound`, as clip_grad_norm_; None: no bound."""
    if bound is None or gradients.total <= bound:
        return Outcome(gradients.total, False, 0.0, bound)
    coefficient = bound / (gradients.total + EPSILON)
    torch._foreach_mul_(gradients.tensors, coefficient)
    return Outcome(gradients.total * coefficient, True, 1.0, bound)


def scale_each(factors: list[float], gradients: Gradients, threshold: float | None) -> Outcome:
    """Multiply each tensor by its factor, where that is below 1."""
    factors = [min(1.0, factor) for factor in factors]
    num_clipped = sum(factor < 1.0 for factor in factors)
    if num_clipped == 0:
        return Outcome(gradients.total, False, 0.0, threshold)
    torch._foreach_mul_(gradients.tensors, factors)
    pairs = zip(factors, gradients.norms, strict=True)
    norm = total_norm([factor * norm for factor, norm in pairs])
    return Outcome(norm, True, num_clipped / len(factors), threshold)


def layer_of(parameter_name: str) -> str:
    """Layer a parameter belongs to: `layers.0.forward_cell.weight_ih_l0` -> `layers.0`."""
    parts = parameter_name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]


class Clipper(ABC):
    """Takes the gradients between `backward` and `step`; call it once a step.

    The order in a training: `start_epoch` at each epoch's begin; then for each step
    `before_backward`, backward, the clipper itself, and, unless the step is skipped, the
    optimiser's step and `after_step`.

    A subclass implements `_clip`. Methods that act inside the graph register their hooks in
    `__init__` (the model is given there); methods that clip the update override `after_step`.
    A method with a history overrides `state_dict` and `load_state_dict`; the state must be JSON.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """`input_dim` is d in the threshold 1/sqrt(d): the network's input features per frame."""
        self.options = options
        threshold = options.threshold
        self._threshold = 1.0 / math.sqrt(input_dim) if threshold == "1/sqrt(d)" else threshold
        self._named = list(model.named_parameters())
        self.scale = 1.0  # of the thresholds, in the present epoch
        self.active = True  # False: only measure
        self.loss_scale = 1.0

    @property
    def threshold(self) -> float:
        """The main threshold in force."""
        return self._threshold * self.scale

    def start_epoch(self, epoch: int) -> None:
        """Set the threshold of an epoch, counted from 1 (see ClippingOptions.anneal_factor)."""
        self.scale = self.options.anneal_factor ** (epoch - 1)
        self.active = self.options.until_epoch is None or epoch <= self.options.until_epoch

    def before_backward(self, loss_scale: float) -> None:
        """Say how the loss that is differentiated relates to the loss summed over frames.

        Thresholds inside the graph (time_step, truncation) come from systems that differentiate
        the sum; a mean over n frames has `loss_scale` 1 / n. The other methods need no call.
        """
        self.loss_scale = loss_scale

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
        if not self.active:
            return ClippingStatistics(total, total, 1.0, False, False, by_layer)
        outcome = self._clip(Gradients(names, parameters, tensors, norms, total))
        return ClippingStatistics(
            norm_before=total,
            norm_after=outcome.norm,
            coefficient=outcome.norm / total if total > 0 else 1.0,
            clipped=outcome.clipped,
            skipped=False,
            norm_by_layer=by_layer,
            threshold=outcome.threshold,
            share_clipped=outcome.share,
        )

    @abstractmethod
    def _clip(self, gradients: Gradients) -> Outcome:
        """Change `gradients.tensors` in place; they are finite."""

    def after_step(
        self, statistics: ClippingStatistics, optimizer: torch.optim.Optimizer
    ) -> ClippingStatistics:
        """Called after the optimiser's step; methods that clip the update act here."""
        return statistics

    def state_dict(self) -> dict[str, Any]:
        """History needed to go on exactly; empty for methods without one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a history made by `state_dict`."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state, found {sorted(state)}")
