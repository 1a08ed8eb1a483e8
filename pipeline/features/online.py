"""Features as audio comes: frames from parts of a waveform, online CMVN, neighbouring frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.features.mfcc import Extractor, Frames

CMVN_WINDOW = 600  # frames; with GLOBAL_FRAMES, the defaults of Kaldi's OnlineCmvnOptions
GLOBAL_FRAMES = 200.0


class OnlineExtractor:
    """The frames of a waveform that comes in parts: the same as of the whole."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.rest = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> Frames:
        """(n,) samples -> (T, F) frames that are now complete; T may be 0."""
        self.rest = np.concatenate((self.rest, samples))
        number = self.extractor.num_frames(len(self.rest))
        if not number:
            return np.zeros((0, self.extractor.dim), np.float32)
        frames = self.extractor.compute([self.rest])[0]
        self.rest = self.rest[number * self.extractor.shift :]
        return frames


class OnlineCmvn:
    """Mean (and variance) over the last 6 s, filled up from global statistics at the start.

    Source: Kaldi's feat/online-feature.cc, OnlineCmvn::SmoothOnlineCmvnStats: where fewer than
    CMVN_WINDOW frames have come, at most GLOBAL_FRAMES frames' worth of the global statistics are
    added.
    """

    def __init__(self, statistics: NDArray[np.float64], norm_vars: bool = False) -> None:
        """`statistics` is (2, F + 1), as ``compute_cmvn`` sums them, of the training speakers."""
        self.statistics = statistics
        self.norm_vars = norm_vars or statistics[1, -1] == 1
        self.past = np.zeros((0, statistics.shape[1] - 1))

    def push(self, frames: Frames, remember: bool = True) -> Frames:
        """(T, F) -> (T, F), each normalised by what had come up to it.

        Args:
            remember: whether these frames count, for themselves and for later ones.
        """
        if not len(frames):
            return frames
        num_past = len(self.past)
        new = frames.astype(np.float64) if remember else np.zeros((0, frames.shape[1]))
        known = np.concatenate((self.past, new))
        sums = np.concatenate(
            (np.zeros((1, 2 * known.shape[1])), np.hstack((known, known**2)).cumsum(axis=0))
        )
        ends = np.arange(num_past + 1, len(known) + 1) if remember else np.array([num_past])
        begins = np.maximum(0, ends - CMVN_WINDOW)
        total = sums[ends] - sums[begins]
        count = (ends - begins).astype(np.float64)
        added = np.minimum(CMVN_WINDOW - count, GLOBAL_FRAMES)
        number = self.statistics[0, -1]
        total += (added / number)[:, None] * self.statistics[:, :-1].reshape(1, -1)
        total /= (count + added)[:, None]
        mean, square = np.split(total, 2, axis=1)
        self.past = known[max(0, len(known) - CMVN_WINDOW + 1) :]
        scale = 1.0 / np.sqrt(np.maximum(square - mean**2, 1e-20)) if self.norm_vars else 1.0
        return ((frames - mean) * scale).astype(np.float32)


class Neighbours:
    """Frames with as many on either side; beyond the ends the first and last repeat."""

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self.held: Frames | None = None

    def push(self, frames: Frames, last: bool = False) -> Frames:
        """(T, F) -> (M + 2 * reach, F), the surroundings of the M frames now complete.

        Nothing at all, (0, F), where M is 0.
        """
        if self.held is None:
            if not len(frames):
                return frames
            self.held = np.repeat(frames[:1], self.reach, axis=0)
        known = np.concatenate((self.held, frames))
        if last:
            known = np.concatenate((known, np.repeat(known[-1:], self.reach, axis=0)))
        ready = len(known) - 2 * self.reach
        if ready <= 0:
            self.held = known
            return known[:0]
        self.held = known[ready:]
        return known
