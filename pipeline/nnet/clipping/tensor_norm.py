"""Tensor-norm clipping: each parameter's gradient is scaled down to the threshold by itself."""

from __future__ import annotations

from pipeline.nnet.clipping.base import EPSILON, Clipper, Gradients, Outcome, scale_each


class TensorNormClipping(Clipper):
    """g_p <- g_p * min(1, c / (||g_p|| + eps)) for each tensor p (RETURNN gradient_clip_norm)."""

    def _clip(self, gradients: Gradients) -> Outcome:
        factors = [self.threshold / (norm + EPSILON) for norm in gradients.norms]
        return scale_each(factors, gradients, self.threshold)
