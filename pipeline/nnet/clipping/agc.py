"""Adaptive gradient clipping: a unit's gradient is bounded by a share of its weights' norm.

Brock et al. 2021 (arXiv 2102.06171), eq. 3. As in the paper the output layer is left out unless
asked for, and as in its code a unit is a row of a matrix (for an LSTM a row of W_ih or W_hh: one
gate of one cell) and the whole of a vector. The default 0.01 is the paper's for images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import (
    EPSILON,
    Clipper,
    Gradients,
    Outcome,
    layer_of,
    tensor_norms,
    total_norm,
)

OUTPUT_LAYER = "output"


class AdaptiveGradientClipping(Clipper):
    """g_r <- g_r * min(1, lambda max(||w_r||, 1e-3) / ||g_r||) for each row r.

    A vector of zeros (a new bias) may only move by lambda * 1e-3 in gradient; with Adam, whose
    steps do not depend on the gradient's size, that is of no consequence.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """The options say whether the output layer is clipped."""
        super().__init__(model, options, input_dim)
        layers = {name: layer_of(name) for name, _ in self._named}
        self._left_out = {
            name
            for name, layer in layers.items()
            if layer == OUTPUT_LAYER and not options.clip_output_layer
        }

    @torch.no_grad()
    def _clip(self, gradients: Gradients) -> Outcome:
        tensors, factors = [], []
        for name, parameter, gradient in zip(
            gradients.names, gradients.parameters, gradients.tensors, strict=True
        ):
            if name not in self._left_out:
                most = self.threshold * row_norms(parameter).clamp_(
                    min=self.options.min_weight_norm
                )
                tensors.append(gradient)
                factors.append((most / row_norms(gradient).clamp_(min=EPSILON)).clamp_(max=1.0))
        if not factors:
            return Outcome(gradients.total, False, 0.0, self.threshold)
        share = float((torch.cat([f.flatten() for f in factors]) < 1.0).float().mean())
        if share == 0.0:
            return Outcome(gradients.total, False, 0.0, self.threshold)
        torch._foreach_mul_(tensors, factors)
        norm = total_norm(tensor_norms(gradients.tensors))
        return Outcome(norm, True, share, self.threshold)


def row_norms(tensor: Tensor) -> Tensor:
    """Norm of each row, kept as a column; of a vector, its norm: (R, C) -> (R, 1), (C,) -> (1,)."""
    dims = tuple(range(1, tensor.ndim)) if tensor.ndim > 1 else (0,)
    return torch.linalg.vector_norm(tensor, dim=dims, keepdim=True)
