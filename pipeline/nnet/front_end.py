"""What stands before the first layer: deltas, normalisation and splicing of the input features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.features.deltas import delta_scales

DELTA_WINDOW = 2  # Kaldi's add-deltas
VARIANCE_FLOOR = 1e-8


class FrontEnd(nn.Module):
    """(N, T, F) features -> (N, T, F * (deltas + 1) * (2 * splice_context + 1)) network input.

    A padded batch must repeat each utterance's last frame; then edges repeat, as in Kaldi's
    add-deltas and splice-feats. Mean and scale are kept in model.json, not with the weights.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, feature_dim: int, deltas: int, splice_context: int) -> None:
        """`deltas` is their order (0: none), `splice_context` the frames joined on each side."""
        super().__init__()
        self.splice_context = splice_context
        self.filters = [
            [float(weight) for weight in scale] for scale in delta_scales(deltas, DELTA_WINDOW)
        ]
        self.dim = feature_dim * (deltas + 1)  # before splicing
        self.output_dim = self.dim * (2 * splice_context + 1)
        self.register_buffer("mean", torch.zeros(self.dim), persistent=False)
        self.register_buffer("scale", torch.ones(self.dim), persistent=False)

    @property
    def right_context(self) -> int:
        """Frames after t that the network input of t is made from."""
        return self.splice_context + len(self.filters[-1]) // 2

    def add_deltas(self, features: Tensor) -> Tensor:
        """(N, T, F) -> (N, T, F * (deltas + 1))."""
        if len(self.filters) == 1:
            return features
        num_frames, reach = features.shape[1], len(self.filters[-1]) // 2
        padded = repeat_edges(features, reach)  # (N, T + 2 * reach, F)
        streams = []
        for weights in self.filters:
            first = reach - len(weights) // 2
            stream = torch.zeros_like(features)
            for shift, weight in enumerate(weights):
                if weight:
                    stream += weight * padded[:, first + shift : first + shift + num_frames]
            streams.append(stream)
        return torch.cat(streams, dim=2)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Deltas, mean and variance normalisation, splicing in the order of time."""
        normalised = (self.add_deltas(features) - self.mean) * self.scale
        if self.splice_context == 0:
            return normalised
        num_frames = normalised.shape[1]
        if len(self.filters) > 1:  # deltas differ in the padding: repeat each last frame again
            time = torch.arange(num_frames, device=lengths.device)
            time = torch.minimum(time, lengths.unsqueeze(1) - 1)  # [N, T]
            normalised = normalised.gather(1, time.unsqueeze(2).expand_as(normalised))
        padded = repeat_edges(normalised, self.splice_context)
        shifts = range(2 * self.splice_context + 1)
        return torch.cat([padded[:, s : s + num_frames] for s in shifts], dim=2)

    def set_normalisation(self, mean: Tensor, variance: Tensor) -> None:
        """Take the global mean and variance, (F * (deltas + 1),) each, of the training frames."""
        self.mean.copy_(mean)
        self.scale.copy_(variance.clamp(min=VARIANCE_FLOOR).rsqrt())


def repeat_edges(frames: Tensor, count: int) -> Tensor:
    """(N, T, F) -> (N, T + 2 * count, F): the first and last frames repeated."""
    first = frames[:, :1].expand(-1, count, -1)
    last = frames[:, -1:].expand(-1, count, -1)
    return torch.cat([first, frames, last], dim=1)
