"""MLLT: one square matrix that makes the diagonal covariances fit best (semi-tied covariances).

Source: Gales (1999), "Semi-tied covariance matrices for hidden Markov models"; Kaldi's
transform/mllt.cc (MlltAccs::Update).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.outer_products import BLOCK, lower_triangles, symmetric
from pipeline.gmm.sorted_frames import SortedFrames, posteriors_of
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.workers import SERIAL, Workers


@dataclass
class MlltStatistics:
    """beta: frames; scatter (D, D, D): G_i = Σ_m Σ_t γ_tm/σ²_mi (x - μ_m)(x - μ_m)ᵀ."""

    beta: float
    scatter: NDArray[np.float64]

    @classmethod
    def zeros(cls, dim: int) -> MlltStatistics:
        """Empty statistics."""
        return cls(0.0, np.zeros((dim, dim, dim)))

    def accumulate(
        self,
        gmm: AmDiagGmm,
        frames: NDArray[np.float32],
        sort: FrameSort,
        workers: Workers = SERIAL,
    ) -> None:
        """Add aligned frames (T, D)."""
        laid_out = SortedFrames.of(frames, sort)
        self.accumulate_sorted(gmm, laid_out, workers)

    def accumulate_sorted(
        self, gmm: AmDiagGmm, frames: SortedFrames, workers: Workers = SERIAL
    ) -> None:
        """Add aligned frames that are in order of their pdfs."""
        inverse = 1.0 / gmm.variances
        occupancy, sums = np.zeros(gmm.num_gaussians), np.zeros((gmm.num_gaussians, gmm.dim))
        # Σ γ x xᵀ of each Gaussian: a pdf has fewer Gaussians than a frame dimensions.
        squares = np.zeros((gmm.num_gaussians, gmm.dim * (gmm.dim + 1) // 2))

        def of_pdf(pdf: int) -> None:
            owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
            for block in frames.blocks(pdf, BLOCK):
                rows = frames.frames[block]
                gamma = posteriors_of(gmm, rows, pdf)
                occupancy[owned] += gamma.sum(axis=0)
                sums[owned] += gamma.T @ rows.astype(np.float64)
                squares[owned] += gamma.T @ lower_triangles(rows)

        workers.map(of_pdf, range(gmm.num_pdfs))
        self.scatter += symmetric(inverse.T @ squares, gmm.dim)
        # Σ (x-μ)(x-μ)ᵀ = Σ x xᵀ - s μᵀ - μ sᵀ + n μ μᵀ with s = Σ γ x, all weighed by 1/σ²_mi.
        for i in range(gmm.dim):
            weighted = gmm.means * inverse[:, i : i + 1]
            cross = sums.T @ weighted
            square = (gmm.means * occupancy[:, None]).T @ weighted
            self.scatter[i] += square - cross - cross.T
        self.beta += len(frames.frames)


def estimate_mllt(
    stats: MlltStatistics, max_iterations: int = 200, tolerance: float = 1e-7
) -> tuple[NDArray[np.float64], float]:
    """The (D, D) matrix M that maximises β log|M| - ½ Σ_i m_i G_i m_iᵀ, and its gain a frame.

    Row by row (Gales 1999, eq. 20): m_i = c_i G_i⁻¹ sqrt(β / c_i G_i⁻¹ c_iᵀ), c_i the row of
    cofactors, until the gain a frame of a sweep is under ``tolerance``.
    """
    dim = len(stats.scatter)
    inverse = np.linalg.inv(stats.scatter)
    matrix = np.eye(dim)
    before = previous = mllt_objective(stats, matrix)
    for _ in range(max_iterations):
        unmix = np.linalg.inv(matrix)
        for i in range(dim):
            cofactor = unmix[:, i]  # up to the determinant, whose size cancels below
            direction = inverse[i] @ cofactor
            row = direction * np.sqrt(stats.beta / (cofactor @ direction))
            # Rank-one change of the matrix, so Sherman and Morrison give the new inverse.
            change = row - matrix[i]
            unmix -= np.outer(unmix[:, i], change @ unmix) / (1.0 + change @ unmix[:, i])
            matrix[i] = row
        now = mllt_objective(stats, matrix)
        if now - previous < tolerance * stats.beta:
            break
        previous = now
    return matrix, (mllt_objective(stats, matrix) - before) / stats.beta


def mllt_objective(stats: MlltStatistics, matrix: NDArray[np.float64]) -> float:
    """β log|M| - ½ Σ_i m_i G_i m_iᵀ."""
    _, log_det = np.linalg.slogdet(matrix)
    quadratic = np.einsum("id,ide,ie->", matrix, stats.scatter, matrix)
    return float(stats.beta * log_det - 0.5 * quadratic)


def transform_means(gmm: AmDiagGmm, matrix: NDArray[np.float64]) -> AmDiagGmm:
    """The model in the transformed space; variances wait for the next update.

    Source: Kaldi's gmm-transform-means.
    """
    return AmDiagGmm(gmm.offsets, gmm.weights, gmm.means @ matrix.T, gmm.variances)
