"""AutoClip: the threshold is a percentile of all norms so far (Seetharaman et al. 2020).

arXiv 2007.14469; the authors' code (pseeth/autoclip) counts the present norm in, as here. Their
history has no end, this one keeps the last `history` norms. 10 is the paper's percentile.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome, scale_to
from pipeline.nnet.clipping.history import NormHistory


class AutoClip(Clipper):
    """g <- g * min(1, c / (||g|| + eps)), c the p-th percentile of the norms, p the threshold.

    Annealing multiplies c, not p.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """An empty history."""
        super().__init__(model, options, input_dim)
        self._history = NormHistory(options.history)

    def _clip(self, gradients: Gradients) -> Outcome:
        self._history.add(gradients.total)
        return scale_to(self.scale * self._history.percentile(self._threshold), gradients)

    def state_dict(self) -> dict[str, Any]:
        """The norms so far."""
        return {"norms": self._history.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._history.load(state["norms"])
