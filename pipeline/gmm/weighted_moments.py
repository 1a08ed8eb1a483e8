"""What MLLT and fMLLR both need of each frame: its precision and its pull, over Gaussians."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.statistics import FrameSort, posteriors
from pipeline.gmm.workers import SERIAL, Workers


def precision_and_pull(
    posterior_model: AmDiagGmm,
    target_model: AmDiagGmm,
    posterior_frames: NDArray[np.float32],
    sort: FrameSort,
    workers: Workers = SERIAL,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """w_ti = Σ_m γ_tm / σ²_mi and k_ti = Σ_m γ_tm μ_mi / σ²_mi, both (T, D).

    γ comes from ``posterior_model`` on ``posterior_frames``, μ and σ from ``target_model`` with the
    same Gaussians (Kaldi's gmm-post-to-gpost: posteriors of the speaker-independent model). Frames
    that ``sort`` leaves out stay zero.
    """
    inverse = (1.0 / target_model.variances).astype(np.float32)
    pulled = (target_model.means / target_model.variances).astype(np.float32)
    precision = np.zeros((len(posterior_frames), target_model.dim), np.float32)
    pull = np.zeros_like(precision)

    def of_pdf(pdf: int) -> None:
        owned = slice(posterior_model.offsets[pdf], posterior_model.offsets[pdf + 1])
        for block in sort.blocks(pdf):
            gamma, _ = posteriors(posterior_model, with_squares(posterior_frames[block]), pdf)
            precision[block] = gamma @ inverse[owned]
            pull[block] = gamma @ pulled[owned]

    workers.map(of_pdf, range(posterior_model.num_pdfs))
    return precision, pull


def weighted_outer(
    frames: NDArray[np.float32],
    weights: NDArray[np.float32],
    workers: Workers = SERIAL,
    block: int = 8192,
) -> NDArray[np.float64]:
    """Σ_t w_ti x_t x_tᵀ for every i: (T, D), (T, K) -> (K, D, D)."""
    num_weights, dim = weights.shape[1], frames.shape[1]
    total = np.zeros((num_weights, dim, dim))

    def of_weight(i: int) -> None:
        for t in range(0, len(frames), block):
            rows, scale = frames[t : t + block], weights[t : t + block, i : i + 1]
            total[i] += (rows * scale).T @ rows

    workers.map(of_weight, range(num_weights))
    return total
