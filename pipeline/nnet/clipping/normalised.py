"""Normalised gradient: a smooth form of norm clipping (Zhang et al. 2020, arXiv 1905.11881).

The threshold has no published default; 5 is that of norm clipping.
"""

from __future__ import annotations

import torch

from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome


class NormalisedGradient(Clipper):
    """g <- g * c / (||g|| + c): about g where it is small, never longer than c.

    Each step changes the gradient; as clipped counts one whose norm is above c.
    """

    def _clip(self, gradients: Gradients) -> Outcome:
        coefficient = self.threshold / (gradients.total + self.threshold)
        torch._foreach_mul_(gradients.tensors, coefficient)
        clipped = gradients.total > self.threshold
        return Outcome(gradients.total * coefficient, clipped, float(clipped), self.threshold)
