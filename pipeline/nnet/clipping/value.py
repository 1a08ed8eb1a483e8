"""Value clipping: each element of the gradient is kept within ±threshold.

With the threshold c / sqrt(d) on d elements, ||g||_inf <= c / sqrt(d) gives ||g||_2 <= c.
"""

from __future__ import annotations

import torch

from pipeline.nnet.clipping.base import Clipper, Gradients, tensor_norms, total_norm


class ValueClipping(Clipper):
    """g_i <- clamp(g_i, -b, b), as torch.nn.utils.clip_grad_value_."""

    def _clip(self, gradients: Gradients) -> float | None:
        if max(tensor_norms(gradients.tensors, float("inf")), default=0.0) <= self.threshold:
            return None
        torch._foreach_clamp_min_(gradients.tensors, -self.threshold)
        torch._foreach_clamp_max_(gradients.tensors, self.threshold)
        return total_norm(tensor_norms(gradients.tensors))
