"""Neighbouring frames: Kaldi's delta features and spliced frames, over whole sets of utterances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]


def _bounds(offsets: Offsets) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last frame of the utterance of each frame: two (sum_T,) arrays."""
    lengths = np.diff(offsets)
    return np.repeat(offsets[:-1], lengths), np.repeat(offsets[1:] - 1, lengths)


def delta_scales(order: int, window: int) -> list[npt.NDArray[np.float64]]:
    """Filters of the deltas of order 0..order; filter i spans ±(i * window) frames.

    Each is the one before convolved with the regression slope j / sum(j^2), |j| <= window
    (Kaldi feat/feature-functions.cc, DeltaFeatures; Young et al., The HTK Book, eq. 5.16).
    """
    slope = np.arange(-window, window + 1, dtype=np.float64)
    slope /= np.square(slope).sum()
    scales = [np.ones(1)]
    for _ in range(order):
        scales.append(np.convolve(scales[-1], slope))
    return scales


def add_deltas(frames: Frames, offsets: Offsets, order: int = 2, window: int = 2) -> Frames:
    """Append deltas: (sum_T, F) -> (sum_T, F * (order + 1)); edges of each utterance repeat."""
    num_frames, dim = frames.shape
    first, last = _bounds(offsets)
    here = np.arange(num_frames)
    out = np.zeros((num_frames, dim * (order + 1)), dtype=np.float32)
    scales = delta_scales(order, window)
    for shift in range(-order * window, order * window + 1):
        neighbour = frames if shift == 0 else frames[np.clip(here + shift, first, last)]
        for i, scale in enumerate(scales):
            if abs(shift) <= i * window and scale[shift + i * window] != 0.0:
                weight = np.float32(scale[shift + i * window])
                out[:, i * dim : (i + 1) * dim] += weight * neighbour
    return out


def splice(frames: Frames, offsets: Offsets, left: int, right: int) -> Frames:
    """Stack each frame with its neighbours: (sum_T, F) -> (sum_T, F * (left + 1 + right)).

    In the order of time, as Kaldi's splice-feats; edges of each utterance repeat.
    """
    if left == 0 and right == 0:
        return frames
    num_frames, dim = frames.shape
    first, last = _bounds(offsets)
    here = np.arange(num_frames)
    out = np.empty((num_frames, dim * (left + 1 + right)), dtype=np.float32)
    for i, shift in enumerate(range(-left, right + 1)):
        out[:, i * dim : (i + 1) * dim] = frames[np.clip(here + shift, first, last)]
    return out
