"""AdaGC: each tensor's norm is bounded by an average of its own past norms (arXiv 2502.11034).

The rule, its warm-up included, as the paper gives it; the numbers (relative threshold 1.05, decay
0.98, warm-up of 100 steps with a global bound of 1) are from memory.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import EPSILON, Clipper, Gradients, Outcome, scale_each, scale_to


class AdaGC(Clipper):
    """g_p <- g_p * min(1, lambda gamma_p / ||g_p||); gamma_p averages the clipped norms.

    In the warm-up the whole gradient is clipped to `warmup_threshold` and gamma_p is the smallest
    norm that p has had. A gamma of 0 (a tensor without gradient so far) is taken as none yet.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """No averages yet."""
        super().__init__(model, options, input_dim)
        self._gamma: dict[str, float] = {}
        self._steps = 0

    def _clip(self, gradients: Gradients) -> Outcome:
        self._steps += 1
        pairs = list(zip(gradients.names, gradients.norms, strict=True))
        if self._steps <= self.options.warmup_steps:
            outcome = scale_to(self.options.warmup_threshold * self.scale, gradients)
            factor = outcome.norm / gradients.total if gradients.total else 1.0
            for name, norm in pairs:
                if norm > 0.0:
                    self._gamma[name] = min(self._gamma.get(name, norm * factor), norm * factor)
            return outcome
        factors = []
        for name, norm in pairs:
            gamma = self._gamma.get(name, norm)
            factor = min(1.0, self.threshold * gamma / norm) if norm > EPSILON * gamma else 1.0
            decay = self.options.decay
            if norm > 0.0:
                self._gamma[name] = decay * gamma + (1.0 - decay) * norm * factor
            factors.append(factor)
        return scale_each(factors, gradients, self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """The averages and the number of steps so far."""
        return {"gamma": dict(self._gamma), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._gamma = dict(state["gamma"])
        self._steps = state["steps"]
