"""Truncation: the state's derivative is clipped at each frame and cut between chunks of frames.

Kaldi nnet3's BackpropTruncationComponent with its defaults 30, 15 and 20 (checked in its source):
row r of the derivative that a frame's state gets from the next frame is scaled down to a norm of
30; at every 20th frame it becomes zero where its norm was above 15. Row n of a batch is cut n
frames later, so that the cuts do not fall on the same frames. A row is one utterance's hidden and
cell state together, as in Kaldi's LSTM layers. Norms are those of a loss summed over frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.inside_graph import FrameClipper


class Truncation(FrameClipper):
    """r <- r * min(1, 30 / ||r||) at each frame; 0 where ||r|| > 15 and (t - n) mod 20 = 0.

    The share clipped is that of the rows, of all frames, that were scaled or set to zero.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """See FrameClipper."""
        super().__init__(model, options, input_dim)
        self._scales: list[Tensor] = []  # (N,) of each frame of this backward pass

    def state(self, hidden: Tensor, cell: Tensor | None, frame: int) -> None:
        """Scale the rows of one frame."""
        squares = hidden.square().sum(dim=1)
        if cell is not None:
            squares += cell.square().sum(dim=1)
        norms = squares.sqrt_()
        scales = (self.threshold * self.loss_scale / norms).clamp_(max=1.0)  # 1 where r = 0
        period = self.options.zeroing_frames
        first = frame % period
        if first < len(norms):
            most = self.options.zeroing_threshold * self.scale * self.loss_scale
            scales[first::period][norms[first::period] > most] = 0.0
        column = scales.unsqueeze(1)
        hidden *= column
        if cell is not None:
            cell *= column
        self._scales.append(scales)

    def finished(self, derivatives: Tensor) -> None:
        """Count the rows that were changed."""
        self._shares.append((torch.stack(self._scales) < 1.0).float().mean())
        self._scales.clear()
