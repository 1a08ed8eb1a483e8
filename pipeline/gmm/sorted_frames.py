"""Aligned frames laid out pdf by pdf, and the mixtures' statistics gathered from them.

An alignment serves several iterations: its frames are put in order once, and each iteration then
reads contiguous rows. Posteriors are float32, as a frame's depend on nothing but the frame; their
sums are float64: the halves of a split Gaussian differ so little at first that EM would blow up the
rounding of a float32 sum, which depends on how the frames are divided into shards.
Source: Kaldi's gmm/mle-am-diag-gmm.h (AccumAmDiagGmm), gmm-acc-stats-ali, gmm-acc-stats-twofeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.soft_max import accumulate_moments, posteriors
from pipeline.gmm.statistics import FrameSort, GmmStatistics
from pipeline.gmm.workers import SERIAL, Workers


@dataclass(frozen=True)
class SortedFrames:
    """Aligned frames, pdf by pdf; those without a pdf are left out."""

    frames: NDArray[np.float32]  # (T, D)
    starts: NDArray[np.int64]  # (P + 1,): pdf p has rows starts[p]..starts[p + 1]
    order: NDArray[np.int64]  # (T,) where each row was before

    @classmethod
    def of(cls, frames: NDArray[np.float32], sort: FrameSort) -> SortedFrames:
        """Lay out frames (sum T, D)."""
        first = sort.starts[0]
        order = sort.order[first:]
        return cls(frames[order], sort.starts - first, order)

    def rows(self, pdf: int) -> slice:
        """Rows of a pdf."""
        return slice(int(self.starts[pdf]), int(self.starts[pdf + 1]))

    def blocks(self, pdf: int, size: int) -> list[slice]:
        """Rows of a pdf, at most ``size`` at a time."""
        low, high = int(self.starts[pdf]), int(self.starts[pdf + 1])
        return [slice(t, min(t + size, high)) for t in range(low, high, size)]


def posteriors_of(gmm: AmDiagGmm, frames: NDArray[np.float32], pdf: int) -> NDArray[np.float64]:
    """Posteriors (T, M_pdf) of one pdf's Gaussians for its frames (T, D)."""
    owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
    gamma = np.empty((len(frames), owned.stop - owned.start))
    posteriors(frames, gmm.projection[owned], gmm.log_constants[owned], gamma)
    return gamma


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
    moment_frames = frames.frames if moments is None else moments.frames

    def of_pdf(pdf: int) -> float:
        # Rows of different pdfs are different rows: threads never write to the same place.
        owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        rows = frames.rows(pdf)
        return accumulate_moments(
            frames.frames[rows],
            moment_frames[rows],
            gmm.projection[owned],
            gmm.log_constants[owned],
            into.occupancy[owned],
            into.moments[owned],
        )

    for log_likelihood in workers.map(of_pdf, range(gmm.num_pdfs)):
        into.log_likelihood += log_likelihood
    into.num_frames += len(frames.frames)
