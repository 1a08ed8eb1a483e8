"""Norm clipping: the whole gradient is scaled down to the threshold (Pascanu et al. 2013).

The default 5 is that of icefall's LSTM recipes and of ESPnet2 and SpeechBrain (from memory).
"""

from __future__ import annotations

from pipeline.nnet.clipping.base import Clipper, Gradients, Outcome, scale_to


class NormClipping(Clipper):
    """g <- g * min(1, c / (||g|| + eps)), as torch.nn.utils.clip_grad_norm_."""

    def _clip(self, gradients: Gradients) -> Outcome:
        return scale_to(self.threshold, gradients)
