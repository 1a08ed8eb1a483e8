"""No clipping: the gradients are only measured."""

from __future__ import annotations

from pipeline.nnet.clipping.base import Clipper, Gradients


class NoClipping(Clipper):
    """Leave finite gradients as they are."""

    def _clip(self, gradients: Gradients) -> float | None:
        return None
