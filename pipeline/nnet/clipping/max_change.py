"""Max-change: the update is clipped, not the gradient (Kaldi nnet3, UpdateNnetWithMaxChange).

As there: each component's change is scaled down to m, then all of them together to M, and a change
that is not finite is not made and the momentum is set to zero. m 0.75 and M 2 are the values of
Kaldi's nnet3 recipes (from memory). A component is a module with parameters of its own: an LSTM
cell or RNN cell of one direction with all its matrices, as Kaldi's W_all, a norm, the output layer.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import (
    Clipper,
    ClippingStatistics,
    Gradients,
    Outcome,
    tensor_norms,
    total_norm,
)


class MaxChange(Clipper):
    """D_c <- D_c * min(1, m / ||D_c||) for each component c, then D <- D * min(1, M / ||D||).

    D is all that the optimiser's step did, its momentum, learning rate and weight decay included.
    Norms of gradients stay as they are; the coefficient is the update's.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """Takes memory for a copy of the parameters."""
        super().__init__(model, options, input_dim)
        self._parameters: list[Tensor] = [parameter for _, parameter in self._named]
        owners = [name.rpartition(".")[0] for name, _ in self._named]
        self._components = [
            [i for i, other in enumerate(owners) if other == owner]
            for owner in dict.fromkeys(owners)
        ]
        self._before = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def _clip(self, gradients: Gradients) -> Outcome:
        torch._foreach_copy_(self._before, self._parameters)
        return Outcome(gradients.total, False, 0.0, self.threshold)

    @torch.no_grad()
    def after_step(
        self, statistics: ClippingStatistics, optimizer: torch.optim.Optimizer
    ) -> ClippingStatistics:
        """Clip the step that the optimiser has just made."""
        if not self.active:
            return statistics
        pairs = zip(self._parameters, self._before, strict=True)
        changes = [new - old for new, old in pairs]
        norms = tensor_norms(changes)
        total = total_norm(norms)
        if not math.isfinite(total):
            torch._foreach_copy_(self._parameters, self._before)
            forget_momentum(optimizer)
            return replace(
                statistics, skipped=True, norm_after=0.0, coefficient=0.0, update_norm_before=total
            )
        factors = [1.0] * len(norms)
        num_clipped = 0
        for members in self._components:
            norm = total_norm([norms[i] for i in members])
            if norm > self.threshold:
                num_clipped += 1
                for i in members:
                    factors[i] = self.threshold / norm
        after = total_norm([factor * norm for factor, norm in zip(factors, norms, strict=True)])
        most = self.options.global_threshold * self.scale
        clipped = num_clipped > 0 or after > most
        if after > most:
            factors = [factor * most / after for factor in factors]
            after = most
        if clipped:
            torch._foreach_mul_(changes, factors)
            torch._foreach_copy_(self._parameters, self._before)
            for parameter, change in zip(self._parameters, changes, strict=True):
                parameter += change
        return replace(
            statistics,
            coefficient=after / total if clipped else 1.0,
            clipped=clipped,
            share_clipped=num_clipped / len(self._components),
            update_norm_before=total,
            update_norm_after=after,
        )


def forget_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Set all averages that the optimiser keeps to zero; its count of steps stays."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if name != "step" and isinstance(value, Tensor):
                value.zero_()
