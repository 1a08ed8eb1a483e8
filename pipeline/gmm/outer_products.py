"""Sums of weighted outer products of frames, for MLLT and fMLLR."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.gmm.workers import SERIAL, Workers

BLOCK = 512  # frames in one product: their outer products stay in the cache


@njit(cache=True, nogil=True)
def _lower_triangles(rows: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """x_a x_b for b <= a: (T, D) -> out (T, D (D + 1) / 2)."""
    for t in range(rows.shape[0]):
        at = 0
        for a in range(rows.shape[1]):
            factor = rows[t, a]
            for b in range(a + 1):
                out[t, at + b] = factor * rows[t, b]
            at += a + 1


def lower_triangles(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """The lower triangle of x_t x_tᵀ, row by row: (T, D) -> (T, D (D + 1) / 2)."""
    num_frames, dim = frames.shape
    triangles = np.empty((num_frames, dim * (dim + 1) // 2))
    _lower_triangles(frames.astype(np.float64), triangles)
    return triangles


def symmetric(triangles: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """The whole matrices of lower triangles: (K, D (D + 1) / 2) -> (K, D, D)."""
    whole = np.empty((len(triangles), dim, dim))
    row, column = np.tril_indices(dim)
    whole[:, row, column] = triangles
    whole[:, column, row] = triangles
    return whole


def weighted_outer(
    frames: NDArray[np.float32], weights: NDArray[np.float64], workers: Workers = SERIAL
) -> NDArray[np.float64]:
    """Σ_t w_ti x_t x_tᵀ for every i: (T, D), (T, K) -> (K, D, D).

    The outer products are symmetric and the same for all i, so one matrix product of the weights
    with their lower triangles gives all K sums.
    """
    num_weights, dim = weights.shape[1], frames.shape[1]

    def of_block(t: int) -> NDArray[np.float64]:
        found: NDArray[np.float64]
        found = weights[t : t + BLOCK].T @ lower_triangles(frames[t : t + BLOCK])
        return found

    sums = np.zeros((num_weights, dim * (dim + 1) // 2))
    for found in workers.map(of_block, range(0, len(frames), BLOCK)):
        sums += found
    return symmetric(sums, dim)
