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
