"""Warping of the frequency axis of mel filters, as Kaldi's vocal tract length normalisation.

Source: Kaldi's feat/mel-computations.cc, MelBanks::VtlnWarpFreq: piecewise linear, with slope
1 / warp between two cut-offs, and mapping the lowest and highest frequency to themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import MfccOptions

VTLN_LOW = 100.0  # Hz; Kaldi's default
VTLN_HIGH = -500.0  # Hz below Nyquist; Kaldi's default


def warp_frequency(hertz: Tensor, warp: float, low: float, high: float, nyquist: float) -> Tensor:
    """Frequencies in Hz -> warped Hz; `low` and `high` bound the filters."""
    lower = VTLN_LOW * max(1.0, warp)
    upper = (nyquist + VTLN_HIGH) * min(1.0, warp)
    slope = 1.0 / warp
    left = low + (slope * lower - low) / (lower - low) * (hertz - low)
    right = high + (high - slope * upper) / (high - upper) * (hertz - high)
    inside = slope * hertz
    warped = torch.where(hertz < lower, left, torch.where(hertz < upper, inside, right))
    return torch.where((hertz < low) | (hertz > high), hertz, warped)


def mel_filters(options: MfccOptions, fft_length: int, warp: float = 1.0) -> Tensor:
    """(fft_length / 2 + 1, num_mel_bins) float64 triangular filters on a warped frequency axis."""
    nyquist = 0.5 * options.sampling_rate
    low = options.low_freq
    high = options.high_freq if options.high_freq > 0 else nyquist + options.high_freq
    mel_low, mel_high = (_mel(torch.tensor(f, dtype=torch.float64)) for f in (low, high))
    step = (mel_high - mel_low) / (options.num_mel_bins + 1)
    corners = mel_low + step * torch.arange(options.num_mel_bins + 2)  # [M + 2], in mel
    if warp != 1.0:
        corners = _mel(warp_frequency(_hertz(corners), warp, low, high, nyquist))
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    bins = torch.arange(fft_length // 2, dtype=torch.float64) * (2 * nyquist / fft_length)
    mel = _mel(bins).unsqueeze(1)  # [K, 1]
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0.0)
    return torch.nn.functional.pad(filters, (0, 0, 0, 1))  # nothing from the Nyquist bin


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * (1.0 + hertz / 700.0).log()


def _hertz(mel: Tensor) -> Tensor:
    return 700.0 * ((mel / 1127.0).exp() - 1.0)
