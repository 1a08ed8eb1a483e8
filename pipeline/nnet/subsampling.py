"""Frame subsampling: the layers run on every s-th frame only.

The frames of an utterance fall into blocks of s, the last of which may be shorter; the network is
evaluated at one frame of each block. In training it is frame o of each block, with an offset o that
moves on with every epoch, so that all frames and targets are used (Kaldi's chain training shifts
its examples likewise). In decoding it is the middle one, and its output stands for the whole block:
log-likelihoods keep the rate of the features, so HMM topology, graph and alignments stay as they
are (a chain topology, with a single state a phone, is not needed).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.nnet.batches import IGNORED


def middle(factor: int) -> int:
    """Offset of the frame that stands for its block: 0 of 1, 1 of 3."""
    return factor // 2


def sampled_times(lengths: Tensor, num_frames: int, factor: int, offset: int) -> Tensor:
    """(N, ceil(T / factor)) frames at which the network is evaluated.

    Where a block ends before its frame `offset`, or in the padding, that is the last frame.
    """
    times = torch.arange(offset, num_frames + offset, factor, device=lengths.device)
    return torch.minimum(times, lengths.unsqueeze(1) - 1)


def sampled_lengths(lengths: Tensor, factor: int) -> Tensor:
    """(N,) blocks of each utterance, the last one perhaps shorter."""
    return (lengths + factor - 1).div(factor, rounding_mode="floor")


def sample(frames: Tensor, times: Tensor) -> Tensor:
    """(N, T, F) at (N, T') -> (N, T', F)."""
    return frames.gather(1, times.unsqueeze(2).expand(-1, -1, frames.shape[2]))


def sample_targets(targets: Tensor, lengths: Tensor, factor: int, offset: int) -> Tensor:
    """(N, T) -> (N, T'): targets of the evaluated frames, IGNORED in the padding."""
    times = sampled_times(lengths, targets.shape[1], factor, offset)
    blocks = torch.arange(times.shape[1], device=lengths.device)
    inside = blocks < sampled_lengths(lengths, factor).unsqueeze(1)
    return torch.where(inside, targets.gather(1, times), IGNORED)


def repeat_outputs(logits: Tensor, num_frames: int, factor: int) -> Tensor:
    """(N, T', P) -> (N, T, P): each output for all frames of its block."""
    return logits.repeat_interleave(factor, dim=1)[:, :num_frames]
