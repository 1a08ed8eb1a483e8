"""Gradual magnitude pruning: the smallest weights of each matrix become zero and stay so.

Zhu and Gupta (2017), To prune, or not to prune, equation 1: the share of zeros rises from 0 to the
final one along a cubic, fast while there is much to spare, while the rest is trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.config import PruneOptions
from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.model import AcousticModel


def weight_matrices(model: nn.Module) -> list[nn.Parameter]:
    """What is pruned: every matrix; no bias, no normalisation."""
    return [parameter for parameter in model.parameters() if parameter.dim() == 2]


def sparsity(progress: float, options: PruneOptions) -> float:
    """Share of zeros at `progress` in [0, 1] of the training: from 0 at its begin."""
    left = 1.0 - min(1.0, progress / options.ramp)
    return options.fraction * (1.0 - left**3)


@torch.no_grad()
def prune_smallest(weight: Tensor, fraction: float) -> None:
    """Set round(fraction * size) of the weights, those of the smallest magnitude, to zero."""
    count = round(fraction * weight.numel())
    smallest = weight.abs().flatten().topk(count, largest=False).indices
    weight.view(-1)[smallest] = 0.0


class GradualPruning(WeightConstraint):
    """Prunes after each step; what is zero before a step is zero after it."""

    def __init__(self, options: PruneOptions) -> None:
        self._options = options
        self._zeros: list[Tensor] = []

    def before_pass(self, model: AcousticModel) -> None:
        """See which weights are zero."""
        self._zeros = [weight.detach() == 0.0 for weight in weight_matrices(model)]

    @torch.no_grad()
    def after_step(self, model: AcousticModel, progress: float) -> None:
        """The zeros again, and as many more as it is time for."""
        fraction = sparsity(progress, self._options)
        for weight, zeros in zip(weight_matrices(model), self._zeros, strict=True):
            weight.masked_fill_(zeros, 0.0)
            prune_smallest(weight, fraction)

    def finish(self, model: AcousticModel) -> None:
        """Exactly the fraction, of an average of epochs too; stored without the zeros."""
        for weight in weight_matrices(model):
            prune_smallest(weight, self._options.fraction)
        model.weights = "sparse"
