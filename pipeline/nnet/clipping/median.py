"""Median clipping: the threshold follows the median of the last norms.

After the clipping_scale of icefall's ScaledAdam, whose defaults these are (scale 2, 100 norms, no
clipping in the first 100 steps). Two differences: there the threshold is renewed every 100 steps,
here at each; and the present norm does not help to set its own threshold.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome, scale_to, tensor_norms
from pipeline.nnet.clipping.history import NormHistory

MIN_RMS = 1e-5  # of a tensor's values, so that zeros at the start do not hide its gradient


class MedianClipping(Clipper):
    """g <- g * min(1, s * median / n), n = sqrt(sum_p (rms(w_p) ||g_p||)^2), over past n.

    Weighing each tensor by its values' RMS makes n a relative change, as that optimiser's steps
    are. The logged threshold is the bound of the plain norm: s * median * ||g|| / n.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """An empty history."""
        super().__init__(model, options, input_dim)
        self._history = NormHistory(options.history)
        self._steps = 0

    def _clip(self, gradients: Gradients) -> Outcome:
        with torch.no_grad():
            norms = tensor_norms(list(gradients.parameters))
        sizes = (parameter.numel() for parameter in gradients.parameters)
        rms = (max(MIN_RMS, n / math.sqrt(size)) for n, size in zip(norms, sizes, strict=True))
        weighed = math.sqrt(
            math.fsum((r * n) ** 2 for r, n in zip(rms, gradients.norms, strict=True))
        )
        bound = None
        if self._steps >= self.options.warmup_steps and weighed > 0.0:
            median = self._history.percentile(50.0)
            bound = self.threshold * median * gradients.total / weighed
        self._history.add(weighed)
        self._steps += 1
        return scale_to(bound, gradients)

    def state_dict(self) -> dict[str, Any]:
        """The norms and the number of steps so far."""
        return {"norms": self._history.state(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._history.load(state["norms"])
        self._steps = state["steps"]
