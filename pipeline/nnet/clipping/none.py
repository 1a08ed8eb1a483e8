"""No clipping: the gradients are only measured."""

from __future__ import annotations

from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome


class NoClipping(Clipper):
    """Leave finite gradients as they are."""

    def _clip(self, gradients: Gradients) -> Outcome:
        return Outcome(gradients.total, False, 0.0, None)
