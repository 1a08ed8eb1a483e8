"""SpecAugment: random blocks of time and of coefficients are masked (Park et al. 2019).

Masked values take the mean of the training features, so after normalisation they are zero. The
masks depend on seed and step alone: a resumed training draws the same ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import AugmentOptions

MASK_SEED_STRIDE = 1_000_003  # keeps the seeds of (seed, step) pairs apart


def spec_augment(
    features: Tensor, lengths: Tensor, fill: Tensor, options: AugmentOptions, seed: int, step: int
) -> Tensor:
    """Mask a batch of features.

    Args:
        features: (N, T, F).
        lengths: (N,) frames of each utterance.
        fill: (F,) value of masked elements.
        options: number and largest size of the masks; sizes are uniform from 0.
        seed: of the training.
        step: number of the training step.
    Returns:
        (N, T, F) with masks; the input itself if none is asked for.
    """
    if options.time_masks == 0 and options.frequency_masks == 0:
        return features
    generator = torch.Generator().manual_seed(seed * MASK_SEED_STRIDE + step)
    num_utterances, num_frames, dim = features.shape
    sizes = lengths.cpu()
    in_time = _masks(
        sizes, num_frames, options.time_masks, options.time_mask_frames, generator
    ).unsqueeze(2)  # [N, T, 1]
    in_frequency = _masks(
        torch.full((num_utterances,), dim),
        dim,
        options.frequency_masks,
        options.frequency_mask_bins,
        generator,
    ).unsqueeze(1)  # [N, 1, F]
    return torch.where((in_time | in_frequency).to(features.device), fill, features)


def _masks(sizes: Tensor, size: int, count: int, widest: int, generator: torch.Generator) -> Tensor:
    """(N, size) bool: `count` blocks in each row, inside its first sizes[n] elements."""
    shape = (len(sizes), count)
    limit = torch.minimum(sizes, torch.tensor(widest)).unsqueeze(1)  # [N, 1]
    width = (torch.rand(shape, generator=generator) * (limit + 1)).long()
    start = (torch.rand(shape, generator=generator) * (sizes.unsqueeze(1) - width + 1)).long()
    place = torch.arange(size).view(1, 1, size)
    start, end = start.unsqueeze(2), (start + width).unsqueeze(2)
    return ((place >= start) & (place < end)).any(dim=1)
