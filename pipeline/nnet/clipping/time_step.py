"""Time-step clipping: derivatives are kept within ±c at each frame of backpropagation.

Graves 2013 (arXiv 1308.0850, section 2.1) and Sak et al. 2014: the derivatives before the gates'
sigmoid and tanh are clamped; the cells' own path stays free. As in Kaldi's nnet1 LSTM (diff_clip_
1, cell_clip_ 50, checked in its source) the cells are kept within ±50 in the forward pass, in
training only: a network whose cells pass 50 later in decoding differs there from its training.
Bounds are those of a loss summed over frames (see Clipper.before_backward).
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.inside_graph import FrameClipper


class TimeStepClipping(FrameClipper):
    """d_t <- clamp(d_t, -c, c) for the derivatives d_t of the gates at each frame t.

    The share clipped is that of the derivatives' elements.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """See FrameClipper."""
        super().__init__(model, options, input_dim)
        self.cell_clip = options.cell_clip

    @property
    def _bound(self) -> float:
        return self.threshold * self.loss_scale

    def gates(self, derivative: Tensor) -> None:
        """Clamp one frame."""
        derivative.clamp_(-self._bound, self._bound)

    def finished(self, derivatives: Tensor) -> None:
        """Count the elements that lie at the bound."""
        self._shares.append(derivatives.abs_().ge_(self._bound).mean())
