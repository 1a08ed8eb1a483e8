"""Quantisation-aware training: every pass sees the weights as int8 will round them.

Forward and backward pass are computed with rounded weights, and the gradient found there changes
the weights behind them: the straight-through estimator, which takes the derivative of rounding as 1
(Bengio et al. 2013; Jacob et al. 2018, section 3, for quantised networks). Scales follow the
weights: one a row, from its largest weight, as in nnet.int8. Activations, which int8 quantises from
the range of each batch, stay float32 here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.int8 import check_kernels, quantize, quantize_rows, quantized_weights
from pipeline.nnet.model import AcousticModel


def fake_quantize(weight: Tensor) -> Tensor:
    """(O, I) -> (O, I) float32: what int8 makes of the weights of a layer."""
    codes, scales = quantize_rows(weight)
    return codes.to(torch.float32) * scales.unsqueeze(1)


class FakeQuantization(WeightConstraint):
    """Rounded weights in each pass; at the end the network becomes int8."""

    def __init__(self, model: AcousticModel) -> None:
        """Refuse a type that int8 has no kernels for.

        Raises:
            UserError: see `int8.check_kernels`.
        """
        check_kernels(model)
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def before_pass(self, model: AcousticModel) -> None:
        """Round the weights."""
        weights = quantized_weights(model)
        self._kept = [weight.detach().clone() for weight in weights]
        for weight in weights:
            weight.copy_(fake_quantize(weight))

    @torch.no_grad()
    def after_pass(self, model: AcousticModel) -> None:
        """The weights behind the rounded ones."""
        for weight, kept in zip(quantized_weights(model), self._kept, strict=True):
            weight.copy_(kept)
        self._kept = []

    def finish(self, model: AcousticModel) -> None:
        """To int8."""
        quantize(model)
