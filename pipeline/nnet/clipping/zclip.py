"""ZClip: norms that are outliers among the past ones are clipped (Kumar et al., arXiv 2504.02507).

Formulas and defaults as in the authors' code (bluorion-com/ZClip, "adaptive_scaling"): average and
variance start from the first 25 norms, an outlier enters them with its clipped norm. That code also
bounds every norm by 1; here that bound (`max_norm`) is off unless asked for.
"""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import EPSILON, Clipper, Gradients, Outcome, scale_to


class ZClip(Clipper):
    """z = (||g|| - mu) / sigma; where z > z_t, the norm becomes mu + z_t^2 sigma / z.

    The larger the outlier, the closer it comes to mu. Annealing multiplies z_t. Without `max_norm`
    the warm-up is without protection.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """No average yet."""
        super().__init__(model, options, input_dim)
        self._first: list[float] = []
        self._mean: float | None = None
        self._variance = 0.0

    def _clip(self, gradients: Gradients) -> Outcome:
        norm, most = gradients.total, self.options.max_norm
        if self._mean is None:
            self._first.append(norm)
            if len(self._first) == self.options.warmup_steps:
                self._mean = math.fsum(self._first) / len(self._first)
                squares = ((value - self._mean) ** 2 for value in self._first)
                self._variance = math.fsum(squares) / len(self._first)
                self._first = []
            return scale_to(most, gradients)
        sigma = math.sqrt(self._variance)
        z = (norm - self._mean) / (sigma + EPSILON)
        if z > self.threshold:
            bound = self._mean + self.threshold**2 * sigma / z
            norm = bound
        else:
            bound = self._mean + self.threshold * (sigma + EPSILON)  # what z may not pass
        decay = self.options.decay
        self._mean = decay * self._mean + (1.0 - decay) * norm
        self._variance = decay * self._variance + (1.0 - decay) * (norm - self._mean) ** 2
        return scale_to(bound if most is None else min(bound, most), gradients)

    def state_dict(self) -> dict[str, Any]:
        """Average and variance, or the first norms."""
        return {"first": list(self._first), "mean": self._mean, "variance": self._variance}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._first = list(state["first"])
        self._mean = state["mean"]
        self._variance = state["variance"]
