"""Masks of SpecAugment: how many, how wide, where, and the same for the same step."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import AugmentOptions
from pipeline.nnet.spec_augment import spec_augment

FILL = torch.full((8,), -1.0)


def mask(step: int = 1, **options: int) -> Tensor:
    """(100, 40, 8) bool: what was masked in utterances of 20 frames, padded to 40."""
    features = torch.ones(100, 40, 8)
    lengths = torch.full((100,), 20)
    settings = AugmentOptions.model_validate(options)
    return spec_augment(features, lengths, FILL, settings, 1, step) == -1.0


def test_time_masks() -> None:
    masked = mask(time_masks=1, time_mask_frames=6)
    assert torch.equal(masked.any(dim=2), masked.all(dim=2))  # whole frames
    frames = masked[:, :, 0]
    assert not frames[:, 20:].any()  # never in the padding
    widths = frames.sum(dim=1)
    assert widths.min() == 0
    assert widths.max() == 6
    edges = (frames[:, 1:] != frames[:, :-1]).sum(dim=1)
    assert edges.max() <= 2  # one block
    assert frames[:, :20].any(dim=0).all()  # everywhere


def test_frequency_masks() -> None:
    masked = mask(frequency_masks=2, frequency_mask_bins=3)
    assert torch.equal(masked.any(dim=1), masked.all(dim=1))  # at all times
    widths = masked[:, 0].sum(dim=1)
    assert widths.max() == 6
    assert masked[:, 0].any(dim=0).all()


def test_a_mask_wider_than_the_utterance_stays_inside() -> None:
    masked = mask(time_masks=3, time_mask_frames=100)
    assert not masked[:, 20:].any()


def test_step_decides_the_masks() -> None:
    options = {"time_masks": 2, "frequency_masks": 1}
    assert torch.equal(mask(5, **options), mask(5, **options))
    assert not torch.equal(mask(5, **options), mask(6, **options))


def test_no_masks_is_the_input_itself() -> None:
    features = torch.ones(2, 3, 8)
    assert spec_augment(features, torch.tensor([3, 2]), FILL, AugmentOptions(), 1, 1) is features
