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
def _posteriors_of_frame(
    frame: NDArray[np.float32],
    projection: NDArray[np.float32],
    constants: NDArray[np.float32],
    squared: NDArray[np.float32],
    gamma: NDArray[np.float32],
) -> float:
    """Posteriors of Gaussians (M,) for a frame (D,) -> gamma (M,); returns log Σ exp.

    Args:
        squared: (2D,) room for [x, x²].
    """
    dim = frame.shape[0]
    for d in range(dim):
        squared[d] = frame[d]
        squared[dim + d] = frame[d] * frame[d]
    top = np.float32(-3e38)
    for m in range(projection.shape[0]):
        row = projection[m]
        value = np.float32(0.0)
        for d in range(2 * dim):
            value += squared[d] * row[d]
        value += constants[m]
        gamma[m] = value
        top = max(top, value)
    total = np.float32(0.0)
    for m in range(projection.shape[0]):
        value = _exp(gamma[m] - top)
        gamma[m] = value
        total += value
    scale = np.float32(1.0) / total
    for m in range(projection.shape[0]):
        gamma[m] *= scale
    return float(top) + np.log(float(total))


@njit(cache=True, nogil=True, fastmath=FAST)
def posteriors(
    frames: NDArray[np.float32],
    projection: NDArray[np.float32],
    constants: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Posteriors of Gaussians (M,) for frames (T, D) -> out (T, M)."""
    num_gaussians, size = projection.shape
    gamma, squared = np.empty(num_gaussians, np.float32), np.empty(size, np.float32)
    for t in range(frames.shape[0]):
        _posteriors_of_frame(frames[t], projection, constants, squared, gamma)
        for m in range(num_gaussians):
            out[t, m] = gamma[m]


@njit(cache=True, nogil=True, fastmath=FAST)
def accumulate_moments(
    frames: NDArray[np.float32],
    moment_frames: NDArray[np.float32],
    projection: NDArray[np.float32],
    constants: NDArray[np.float32],
    occupancy: NDArray[np.float64],
    moments: NDArray[np.float64],
) -> float:
    """Add γ, γ x and γ x² of frames (T, D) to (M,) and (M, 2D).

    Args:
        moment_frames: x; γ are the posteriors for ``frames``.

    Returns:
        Σ over frames of log Σ exp over Gaussians.
    """
    num_gaussians, size = projection.shape
    dim = moment_frames.shape[1]
    gamma, squared = np.empty(num_gaussians, np.float32), np.empty(size, np.float32)
    values = np.empty(2 * dim, np.float64)
    log_likelihood = 0.0
    for t in range(frames.shape[0]):
        log_likelihood += _posteriors_of_frame(frames[t], projection, constants, squared, gamma)
        for d in range(dim):
            value = np.float64(moment_frames[t, d])
            values[d] = value
            values[dim + d] = value * value
        for m in range(num_gaussians):
            weight = np.float64(gamma[m])
            occupancy[m] += weight
            row = moments[m]
            for d in range(2 * dim):
                row[d] += weight * values[d]
    return log_likelihood
