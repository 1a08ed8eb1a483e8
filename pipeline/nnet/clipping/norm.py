"""Norm clipping: the whole gradient is scaled down to the threshold (Pascanu et al. 2013)."""

from __future__ import annotations

import torch

from pipeline.nnet.clipping.base import EPSILON, Clipper, Gradients


class NormClipping(Clipper):
    """g <- g * min(1, c / (||g|| + eps)), as torch.nn.utils.clip_grad_norm_."""

    def _clip(self, gradients: Gradients) -> float | None:
        coefficient = self.threshold / (gradients.total + EPSILON)
        if coefficient >= 1.0:
            return None
        torch._foreach_mul_(gradients.tensors, coefficient)
        return gradients.total * coefficient
