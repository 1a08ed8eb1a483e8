"""TDNN layers: dilated convolutions over time with ReLU and normalisation, as Kaldi's nnet3.

Peddinti, Povey and Khudanpur (2015), A time delay neural network architecture for efficient
modeling of long temporal contexts; in Kaldi's recipes `relu-batchnorm-layer
input=Append(-d, 0, d)`. Beyond the ends of an utterance its first and last frame repeat.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.nnet.front_end import repeat_edges
from pipeline.nnet.layers import Lengths, hold_last

BATCH_NORM_EPSILON = 1e-3  # Kaldi's BatchNormComponent
BATCH_NORM_MOMENTUM = 0.1  # weight of a batch in the running statistics


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the real frames of a padded batch: (N, T, H) -> (N, T, H).

    Like Kaldi's BatchNormComponent it has no scale and offset to be trained: the next layer has
    weights. In evaluation the running mean and variance are used.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, dim: int) -> None:
        """`dim` is H."""
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_variance", torch.ones(dim))

    def forward(self, frames: Tensor, lengths: Lengths) -> Tensor:
        """Normalise each of the H values; padding is normalised, but has no part in the moments."""
        # Moments of half-precision frames are taken in float32.
        frames = frames.to(torch.promote_types(frames.dtype, torch.float32))
        if self.training:
            real = lengths.real.unsqueeze(2)  # [N, T, 1]
            count = real.sum().clamp(min=1)
            mean = torch.where(real, frames, 0.0).sum(dim=(0, 1)) / count
            centred = frames - mean
            variance = torch.where(real, centred, 0.0).square().sum(dim=(0, 1)) / count
            self._update(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
            return centred * (variance + BATCH_NORM_EPSILON).rsqrt()
        scale = (self.running_variance + BATCH_NORM_EPSILON).rsqrt()
        return (frames - self.running_mean) * scale

    def _update(self, mean: Tensor, variance: Tensor) -> None:
        """Moving averages; a batch that is not finite leaves them as they are."""
        finite = torch.isfinite(mean) & torch.isfinite(variance)
        for running, value in ((self.running_mean, mean), (self.running_variance, variance)):
            moved = torch.lerp(running, value, BATCH_NORM_MOMENTUM)
            running.copy_(torch.where(finite, moved, running))


class TdnnLayer(nn.Module):
    """Append(-d, 0, d), affine, ReLU, normalisation, dropout: (N, T, I) -> (N, T, output_dim).

    That is a 1-D convolution of three taps with dilation d. It is computed as one linear layer on
    spliced frames: one matrix product, and quantisation to int8 knows it.
    """

    def __init__(
        self, input_dim: int, output_dim: int, dilation: int, layer_norm: bool, dropout: float
    ) -> None:
        """`dilation` is d in frames; without `layer_norm` there is batch normalisation."""
        super().__init__()
        self.dilation = dilation
        self.output_dim = output_dim
        self.affine = nn.Linear(3 * input_dim, output_dim)
        self.norm = nn.LayerNorm(output_dim) if layer_norm else MaskedBatchNorm(output_dim)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, frames: Tensor, lengths: Lengths) -> Tensor:
        """Run over a padded batch."""
        num_frames = frames.shape[1]
        padded = repeat_edges(hold_last(frames, lengths), self.dilation)
        shifts = (0, self.dilation, 2 * self.dilation)
        spliced = torch.cat([padded[:, s : s + num_frames] for s in shifts], dim=2)
        output = self.affine(spliced).relu()
        if isinstance(self.norm, MaskedBatchNorm):
            output = self.norm(output, lengths)
        else:
            output = self.norm(output)
        return self.dropout(output)
