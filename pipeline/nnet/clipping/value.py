"""Value clipping: each element of the gradient is kept within a bound (Mikolov 2012).

||g||_inf <= c / sqrt(d) gives ||g||_2 <= c for d elements: with `bounds` tensor or model the same
threshold means a bound of norms, so that value and norm clipping can be swept on one axis. The
default 1/sqrt(d), d the input features of a frame, is the one this project began with; Kaldi's
nnet1 LSTM has 250 (grad_clip_ in its source), with derivatives summed over frames.
"""

from __future__ import annotations

import math

import torch

from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome, tensor_norms, total_norm


class ValueClipping(Clipper):
    """g_i <- clamp(g_i, -b, b), as torch.nn.utils.clip_grad_value_.

    The share clipped is that of the tensors with an element beyond the bound.
    """

    def _clip(self, gradients: Gradients) -> Outcome:
        sizes = [tensor.numel() for tensor in gradients.tensors]
        if self.options.bounds == "tensor":
            bounds = [self.threshold / math.sqrt(size) for size in sizes]
        elif self.options.bounds == "model":
            bounds = [self.threshold / math.sqrt(sum(sizes))] * len(sizes)
        else:
            bounds = [self.threshold] * len(sizes)
        largest = tensor_norms(gradients.tensors, float("inf"))
        num_clipped = sum(top > bound for top, bound in zip(largest, bounds, strict=True))
        if num_clipped == 0:
            return Outcome(gradients.total, False, 0.0, self.threshold)
        torch._foreach_clamp_min_(gradients.tensors, [-bound for bound in bounds])
        torch._foreach_clamp_max_(gradients.tensors, bounds)
        norm = total_norm(tensor_norms(gradients.tensors))
        return Outcome(norm, True, num_clipped / len(sizes), self.threshold)
