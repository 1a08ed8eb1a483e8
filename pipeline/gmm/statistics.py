"""Sufficient statistics of the mixtures, and the frames that each pdf has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm


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
