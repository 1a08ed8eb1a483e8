"""Another sampling rate."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", np.float32, np.float64)


def resample(samples: npt.NDArray[Float], rate: int, new_rate: int) -> npt.NDArray[Float]:
    """By a polyphase filter, keeping the type: (n,) -> (ceil(n * new_rate / rate),)."""
    from scipy.signal import resample_poly

    if rate == new_rate:
        return samples
    divisor = math.gcd(rate, new_rate)
    result = resample_poly(samples, new_rate // divisor, rate // divisor)
    return result.astype(samples.dtype, copy=False)


class OnlineResampler:
    """Samples that come in parts, at another rate: the same as ``resample`` gives of the whole."""

    def __init__(self, rate: int, new_rate: int) -> None:
        divisor = math.gcd(rate, new_rate)
        self.rate, self.new_rate = rate, new_rate
        self.up, self.down = new_rate // divisor, rate // divisor
        # Input samples on either side that the filter of resample_poly reaches.
        self.reach = -(-10 * max(self.up, self.down) // self.up) + 1
        self.held = np.zeros(0, np.float32)
        self.begin = 0  # input sample at which `held` begins, a multiple of `down`
        self.done = 0  # samples put out

    def push(self, samples: npt.NDArray[np.float32], last: bool = False) -> npt.NDArray[np.float32]:
        """(n,) further samples -> (m,) that are now known; all of them with the last part."""
        if self.rate == self.new_rate:
            return samples
        self.held = np.concatenate((self.held, samples))
        end = self.begin + len(self.held)
        known = (
            -(-end * self.up // self.down) if last else (end - self.reach) * self.up // self.down
        )
        if known <= self.done:
            return np.zeros(0, np.float32)
        first = self.begin // self.down * self.up
        found = resample(self.held, self.rate, self.new_rate)[self.done - first : known - first]
        self.done = known
        keep = max(0, known * self.down // self.up - self.reach) // self.down * self.down
        self.held, self.begin = self.held[keep - self.begin :], keep
        return found
