"""Sums of exponentials over the Gaussians of a pdf: the inner loops of likelihoods and posteriors.

numpy needs a pass over memory for each step, and exp of the C library is called number by number;
here all steps of a frame run together and the compiler can use vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FAST = {"reassoc", "contract", "nsz", "arcp", "nnan"}
LOWEST = np.float32(-32.0)  # exp(-32) is nothing beside 1 in float32


@njit(inline="always")
def _exp(x: Any) -> Any:
    """exp of x <= 0, float32 or float64, within 1e-5 of it: Taylor of x / 64, squared six times."""
    y = max(x, LOWEST) * np.float32(1.0 / 64.0)
    value = np.float32(1.0 / 720.0)
    value = value * y + np.float32(1.0 / 120.0)
    value = value * y + np.float32(1.0 / 24.0)
    value = value * y + np.float32(1.0 / 6.0)
    value = value * y + np.float32(0.5)
    value = value * y + np.float32(1.0)
    value = value * y + np.float32(1.0)
    value *= value
    value *= value
    value *= value
    value *= value
    value *= value
    value *= value
    return value


@njit(cache=True, nogil=True, fastmath=FAST)
def log_sum_exp(
    products: NDArray[np.float32],
    constants: NDArray[np.float32],
    starts: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """log Σ exp over each pdf's Gaussians: (T, M) + (M,) -> out (T, P).

    Args:
        products: overwritten.
        starts: (P + 1,), pdf p has columns starts[p]..starts[p + 1].
    """
    for t in range(products.shape[0]):
        for p in range(starts.shape[0] - 1):
            top = np.float32(-3e38)
            for m in range(starts[p], starts[p + 1]):
                value = products[t, m] + constants[m]
                products[t, m] = value
                top = max(top, value)
            total = np.float32(0.0)
            for m in range(starts[p], starts[p + 1]):
                total += _exp(products[t, m] - top)
            out[t, p] = top + np.log(total)


@njit(cache=True, nogil=True, fastmath=FAST)
def soft_max(
    products: NDArray[np.float64],
    constants: NDArray[np.float32],
    occupancy: NDArray[np.float64],
) -> float:
    """Turn log-likelihoods (T, M), less ``constants`` (M,), into posteriors, in place.

    Adds the posteriors' sums to ``occupancy`` (M,).

    Returns:
        Σ over frames of log Σ exp over Gaussians.
    """
    num_gaussians = products.shape[1]
    log_likelihood = 0.0
    for t in range(products.shape[0]):
        top = -1e300
        for m in range(num_gaussians):
            value = products[t, m] + constants[m]
            products[t, m] = value
            top = max(top, value)
        total = 0.0
        for m in range(num_gaussians):
            value = _exp(products[t, m] - top)
            products[t, m] = value
            total += value
        scale = 1.0 / total
        for m in range(num_gaussians):
            value = products[t, m] * scale
            products[t, m] = value
            occupancy[m] += value
        log_likelihood += top + np.log(total)
    return log_likelihood
