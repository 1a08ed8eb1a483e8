"""Aligned frames laid out pdf by pdf, and the mixtures' statistics gathered from them.

An alignment serves several iterations: its frames, with their squares, are put in order once, and
each iteration is then a few matrix products on contiguous rows. They are made in float64: the
halves of a split Gaussian differ so little at first that EM would blow up the rounding of a
float32 sum, which depends on how the frames are divided into shards.
Source: Kaldi's gmm/mle-am-diag-gmm.h (AccumAmDiagGmm), gmm-acc-stats-ali, gmm-acc-stats-twofeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.soft_max import soft_max
from pipeline.gmm.statistics import BLOCK, FrameSort, GmmStatistics
from pipeline.gmm.workers import SERIAL, Workers


@dataclass(frozen=True)
class SortedFrames:
    """Aligned frames, pdf by pdf; those without a pdf are left out."""

    squared: NDArray[np.float32]  # (T, 2D): [x, x²]
    starts: NDArray[np.int64]  # (P + 1,): pdf p has rows starts[p]..starts[p + 1]
    order: NDArray[np.int64]  # (T,) where each row was before

    @classmethod
    def of(cls, frames: NDArray[np.float32], sort: FrameSort) -> SortedFrames:
        """Lay out frames (sum T, D)."""
        first = sort.starts[0]
        order = sort.order[first:]
        dim = frames.shape[1]
        squared = np.empty((len(order), 2 * dim), np.float32)
        squared[:, :dim] = frames[order]
        np.multiply(squared[:, :dim], squared[:, :dim], out=squared[:, dim:])
        return cls(squared, sort.starts - first, order)

    def blocks(self, pdf: int) -> list[slice]:
        """Rows of a pdf, at most BLOCK at a time."""
        low, high = int(self.starts[pdf]), int(self.starts[pdf + 1])
        return [slice(t, min(t + BLOCK, high)) for t in range(low, high, BLOCK)]


def posteriors_of(
    gmm: AmDiagGmm, squared: NDArray[np.float64], pdf: int, occupancy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Posteriors (T, M_pdf) of one pdf's Gaussians for its rows (T, 2D), and Σ log p(x | pdf).

    Adds the posteriors' sums to ``occupancy`` (M_pdf,).
    """
    owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
    gamma: NDArray[np.float64] = squared @ gmm.projection[owned].T.astype(np.float64)
    return gamma, soft_max(gamma, gmm.log_constants[owned], occupancy)


def accumulate_sorted(
    gmm: AmDiagGmm,
    frames: SortedFrames,
    into: GmmStatistics,
    moments: SortedFrames | None = None,
    workers: Workers = SERIAL,
) -> None:
    """Add the statistics of aligned frames to ``into``.

    Args:
        moments: the same frames in another space, taken for the moments where posteriors come
            from ``frames`` (Kaldi's gmm-acc-stats-twofeats).
    """

    def of_pdf(pdf: int) -> float:
        # Rows of different pdfs are different rows: threads never write to the same place.
        owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        log_likelihood = 0.0
        for block in frames.blocks(pdf):
            rows = frames.squared[block].astype(np.float64)
            gamma, found = posteriors_of(gmm, rows, pdf, into.occupancy[owned])
            if moments is not None:
                rows = moments.squared[block].astype(np.float64)
            into.moments[owned] += gamma.T @ rows
            log_likelihood += found
        return log_likelihood

    for log_likelihood in workers.map(of_pdf, range(gmm.num_pdfs)):
        into.log_likelihood += log_likelihood
    into.num_frames += len(frames.squared)
