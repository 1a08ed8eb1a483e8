"""Log-likelihoods of chosen frames and pdfs, whichever model has them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.soft_max import log_sum_exp

CACHED = 250_000  # products (1 MB) at a time: they are used again while still in the cache


class PdfLikelihoods(Protocol):
    """What a GMM or a network knows of a feature set: log p(x | pdf), up to a constant a frame."""

    def __call__(self, rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Some frames (R,) of the set and some pdf_ids (K,) -> (R, K), a new array."""


def gmm_likelihoods(gmm: AmDiagGmm, frames: NDArray[np.float32]) -> PdfLikelihoods:
    """Those of a GMM: ``frames`` (sum T, D) are the features that it models."""

    def of_rows(rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        return pdf_log_likelihoods(gmm, with_squares(frames[rows]), pdfs)

    return of_rows


def pdf_log_likelihoods(
    gmm: AmDiagGmm, squared: NDArray[np.float32], pdfs: NDArray[np.int32]
) -> NDArray[np.float32]:
    """log p(x | pdf) of some pdfs on one thread: (T, 2D) from ``with_squares`` -> (T, K)."""
    sizes = np.diff(gmm.offsets)[pdfs]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    index = np.repeat(gmm.offsets[pdfs] - starts[:-1], sizes) + np.arange(starts[-1])
    weights = np.ascontiguousarray(gmm.projection[index].T)
    constants = gmm.log_constants[index]
    out = np.empty((len(squared), len(pdfs)), np.float32)
    block = max(64, CACHED // len(index))
    for t in range(0, len(squared), block):
        log_sum_exp(squared[t : t + block] @ weights, constants, starts, out[t : t + block])
    return out
