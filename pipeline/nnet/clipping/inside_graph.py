"""What the methods that act inside the graph share: hooks on the recurrent cells, counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import Clipper, ClippingStatistics, Gradients, Outcome
from pipeline.nnet.clipping.recurrence import FrameClipping, clip_frames, recurrent_cells


class FrameClipper(Clipper, FrameClipping):
    """Clips derivatives at each frame; the gradients that arrive afterwards are left as they are.

    So norm_before is the norm after what was clipped inside the graph, and the coefficient is 1;
    how much was clipped is told by the share. A frame's derivative in a padded batch is that of
    the loss that is differentiated: thresholds are multiplied by `loss_scale`.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """Put a hook on each recurrent cell; it acts in training only."""
        super().__init__(model, options, input_dim)
        self._shares: list[Tensor] = []  # clipped share of each backward pass of this step
        for cell in recurrent_cells(model):
            cell.register_forward_hook(self._hook)

    def _hook(self, cell: nn.Module, args: Any, output: Any) -> Any:
        if not (self.active and cell.training and torch.is_grad_enabled()):
            return None
        assert isinstance(cell, nn.RNNBase)
        return clip_frames(cell, self, args, output)

    def before_backward(self, loss_scale: float) -> None:
        """See Clipper; also begins the counts of a step."""
        super().before_backward(loss_scale)
        self._shares.clear()

    def __call__(self) -> ClippingStatistics:
        """Measure; see Clipper."""
        try:
            return super().__call__()
        finally:
            self._shares.clear()

    def _clip(self, gradients: Gradients) -> Outcome:
        share = float(torch.stack(self._shares).mean()) if self._shares else 0.0
        return Outcome(gradients.total, share > 0.0, share, self.threshold)
