"""Tensor-norm clipping: each parameter's gradient is scaled down to the threshold by itself."""

from __future__ import annotations

import torch

from pipeline.nnet.clipping.base import EPSILON, Clipper, Gradients, total_norm


class TensorNormClipping(Clipper):
    """g_p <- g_p * min(1, c / (||g_p|| + eps)) for each tensor p (RETURNN gradient_clip_norm)."""

    def _clip(self, gradients: Gradients) -> float | None:
        factors = [min(1.0, self.threshold / (norm + EPSILON)) for norm in gradients.norms]
        if min(factors, default=1.0) >= 1.0:
            return None
        torch._foreach_mul_(gradients.tensors, factors)
        pairs = zip(factors, gradients.norms, strict=True)
        return total_norm([factor * norm for factor, norm in pairs])
