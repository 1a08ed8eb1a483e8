"""Sufficient statistics of the mixtures, gathered pdf by pdf as matrix products.

Source: Kaldi's gmm/mle-am-diag-gmm.h (AccumAmDiagGmm) and gmm-acc-stats-ali.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.workers import SERIAL, Workers

BLOCK = 4096  # frames in one product: float32 sums stay short, the total is float64


@dataclass
class GmmStatistics:
    """Zeroth, first and second moments of each Gaussian, and the total log-likelihood."""

    occupancy: NDArray[np.float64]  # (M,)
    moments: NDArray[np.float64]  # (M, 2D): Σ γ x, Σ γ x²
    log_likelihood: float = 0.0
    num_frames: float = 0.0

    @classmethod
    def zeros(cls, gmm: AmDiagGmm) -> GmmStatistics:
        """Empty statistics of a model."""
        return cls(np.zeros(gmm.num_gaussians), np.zeros((gmm.num_gaussians, 2 * gmm.dim)))

    def add(self, other: GmmStatistics) -> None:
        """Sum of two shards (Kaldi's gmm-sum-accs)."""
        self.occupancy += other.occupancy
        self.moments += other.moments
        self.log_likelihood += other.log_likelihood
        self.num_frames += other.num_frames


def posteriors(
    gmm: AmDiagGmm, squared: NDArray[np.float32], pdf: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Posteriors of one pdf's Gaussians: (T, 2D) -> (T, M_pdf), and log p(x | pdf): (T,)."""
    owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
    likes = squared @ gmm.projection[owned].T
    likes += gmm.log_constants[owned]
    top = likes.max(axis=1, keepdims=True)
    likes -= top
    np.exp(likes, out=likes)
    total = likes.sum(axis=1, keepdims=True)
    likes /= total
    return likes, (top + np.log(total))[:, 0]


@dataclass(frozen=True)
class FrameSort:
    """Frames grouped by their pdf; made once an alignment, used by every iteration on it."""

    order: NDArray[np.int64]  # (T,) frame indices, pdf by pdf
    starts: NDArray[np.int64]  # (P + 1,)

    @classmethod
    def by_pdf(cls, pdf_of_frame: NDArray[np.int32], num_pdfs: int) -> FrameSort:
        """Group frames; those with a negative pdf (not aligned) are left out."""
        order = np.argsort(pdf_of_frame, kind="stable")
        starts = np.searchsorted(pdf_of_frame[order], np.arange(num_pdfs + 1))
        return cls(order, starts)

    def blocks(self, pdf: int) -> list[NDArray[np.int64]]:
        """Frame indices of a pdf, at most BLOCK at a time."""
        low, high = int(self.starts[pdf]), int(self.starts[pdf + 1])
        return [self.order[t : min(t + BLOCK, high)] for t in range(low, high, BLOCK)]


def accumulate(
    gmm: AmDiagGmm,
    frames: NDArray[np.float32],
    sort: FrameSort,
    into: GmmStatistics,
    moment_frames: NDArray[np.float32] | None = None,
    workers: Workers = SERIAL,
) -> None:
    """Add the statistics of aligned frames (T, D) to ``into``.

    Args:
        moment_frames: (T, D), taken for the moments where posteriors come from ``frames``
            (Kaldi's gmm-acc-stats-twofeats).
    """

    def of_pdf(pdf: int) -> tuple[float, int]:
        # Rows of different pdfs are different rows: threads never write to the same place.
        owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        log_likelihood, num_frames = 0.0, 0
        for block in sort.blocks(pdf):
            squared = with_squares(frames[block])
            gamma, log_likes = posteriors(gmm, squared, pdf)
            if moment_frames is not None:
                squared = with_squares(moment_frames[block])
            into.occupancy[owned] += gamma.sum(axis=0)
            into.moments[owned] += gamma.T @ squared
            log_likelihood += float(log_likes.sum(dtype=np.float64))
            num_frames += len(block)
        return log_likelihood, num_frames

    for log_likelihood, num_frames in workers.map(of_pdf, range(gmm.num_pdfs)):
        into.log_likelihood += log_likelihood
        into.num_frames += num_frames
