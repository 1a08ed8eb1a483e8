"""Acoustic model of diagonal-covariance Gaussian mixtures, all pdfs in flat arrays.

Source: Kaldi's gmm/am-diag-gmm.h. Log-likelihoods are one matrix product:
log N(x) = g + x·(μ/σ²) + x²·(-1/2σ²), so [x, x²] (T, 2D) times a (2D, M) matrix gives them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

LOG_2PI = float(np.log(2 * np.pi))
FIELDS = ("offsets", "weights", "means", "variances")


@dataclass(frozen=True)
class AmDiagGmm:
    """Mixtures of all pdfs: pdf p owns Gaussians offsets[p]..offsets[p + 1]."""

    offsets: NDArray[np.int64]  # (P + 1,)
    weights: NDArray[np.float64]  # (M,), summing to one in each pdf
    means: NDArray[np.float64]  # (M, D)
    variances: NDArray[np.float64]  # (M, D)

    @property
    def num_pdfs(self) -> int:
        """P."""
        return len(self.offsets) - 1

    @property
    def num_gaussians(self) -> int:
        """M, over all pdfs."""
        return len(self.weights)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.means.shape[1])

    @cached_property
    def log_constants(self) -> NDArray[np.float32]:
        """(M,): log weight - ½(D log 2π + Σ log σ² + Σ μ²/σ²)."""
        quadratic = np.log(self.variances) + self.means**2 / self.variances
        return (np.log(self.weights) - 0.5 * (self.dim * LOG_2PI + quadratic.sum(axis=1))).astype(
            np.float32
        )

    @cached_property
    def projection(self) -> NDArray[np.float32]:
        """(M, 2D): [μ/σ², -1/2σ²]."""
        inverse = 1.0 / self.variances
        return np.hstack([self.means * inverse, -0.5 * inverse]).astype(np.float32)

    def log_likelihoods(
        self, squared: NDArray[np.float32], pdfs: NDArray[np.int32] | None = None
    ) -> NDArray[np.float32]:
        """log p(x | pdf) of each frame: (T, 2D) from ``with_squares`` -> (T, len(pdfs) or P)."""
        if pdfs is None:
            starts = self.offsets
            rows, constants = self.projection, self.log_constants
        else:
            sizes = np.diff(self.offsets)[pdfs]
            starts = np.concatenate(([0], np.cumsum(sizes)))
            index = np.concatenate([np.arange(self.offsets[p], self.offsets[p + 1]) for p in pdfs])
            rows, constants = self.projection[index], self.log_constants[index]
        out = np.empty((len(squared), len(starts) - 1), np.float32)
        block = max(256, 4_000_000 // max(1, len(rows)))  # at most 16 MB of products at a time
        for t in range(0, len(squared), block):
            products = squared[t : t + block] @ rows.T
            _log_sum_exp(products, constants, starts, out[t : t + block])
        return out

    def tensors(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """The arrays by name, for a safetensors file."""
        return {prefix + name: np.ascontiguousarray(getattr(self, name)) for name in FIELDS}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]], prefix: str = "") -> AmDiagGmm:
        """The inverse of ``tensors``; KeyError where one is missing."""
        return cls(*(tensors[prefix + name] for name in FIELDS))


def with_squares(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """[x, x²]: (T, D) -> (T, 2D)."""
    squared = np.empty((len(frames), 2 * frames.shape[1]), np.float32)
    squared[:, : frames.shape[1]] = frames
    np.multiply(frames, frames, out=squared[:, frames.shape[1] :])
    return squared


@njit(cache=True, nogil=True, parallel=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _log_sum_exp(
    products: NDArray[np.float32],
    constants: NDArray[np.float32],
    starts: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Σ over each pdf's Gaussians, in the log domain: (T, M), (M,) -> out (T, P)."""
    num_pdfs = starts.shape[0] - 1
    for t in prange(products.shape[0]):
        for p in range(num_pdfs):
            top = np.float32(-np.inf)
            for m in range(starts[p], starts[p + 1]):
                value = products[t, m] + constants[m]
                products[t, m] = value
                if value > top:
                    top = value
            total = np.float32(0.0)
            for m in range(starts[p], starts[p + 1]):
                difference = products[t, m] - top
                if difference > np.float32(-15.0):
                    total += np.exp(difference)
            out[t, p] = top + np.log(total)
