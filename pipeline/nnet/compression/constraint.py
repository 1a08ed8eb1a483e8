"""What a training may demand of the weights: the hooks that the training loop calls."""

from __future__ import annotations

from pipeline.nnet.model import AcousticModel


class WeightConstraint:
    """No demand; others override what they need.

    Nothing is remembered between steps but what the weights themselves show, so that a training
    that was killed goes on bit for bit.
    """

    def before_pass(self, model: AcousticModel) -> None:
        """Put the weights in place with which losses and gradients are computed."""

    def after_pass(self, model: AcousticModel) -> None:
        """Put back the weights that the optimiser changes."""

    def after_step(self, model: AcousticModel, progress: float) -> None:
        """Correct the changed weights; `progress` in (0, 1] is the share of the training done."""

    def finish(self, model: AcousticModel) -> None:
        """Give the trained network, on the CPU, its final form."""
