"""fMLLR (constrained MLLR): an affine transform of each speaker's features.

Source: Gales (1998), "Maximum likelihood linear transformations for HMM-based speech recognition",
section 2.3 and appendix A; Kaldi's transform/fmllr-diag-gmm.cc (ComputeFmllrMatrixDiagGmmFull).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.outer_products import BLOCK, weighted_outer
from pipeline.gmm.sorted_frames import SortedFrames, posteriors_of
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.workers import SERIAL, Workers

MIN_COUNT = 500.0  # frames; a speaker with fewer keeps the features
NUM_ITERATIONS = 40


@dataclass
class SpeakerStatistics:
    """beta: frames; linear (D, D + 1): K; quadratic (D, D + 1, D + 1): G_i."""

    beta: float
    linear: NDArray[np.float64]
    quadratic: NDArray[np.float64]

    def add(self, other: SpeakerStatistics) -> None:
        """Sum of two shards."""
        self.beta += other.beta
        self.linear += other.linear
        self.quadratic += other.quadratic


@dataclass
class FmllrStatistics:
    """Statistics of all speakers."""

    speakers: dict[str, SpeakerStatistics] = field(default_factory=dict)

    def accumulate(
        self,
        posterior_model: AmDiagGmm,
        target_model: AmDiagGmm,
        posterior_frames: NDArray[np.float32],
        frames: NDArray[np.float32],
        offsets: NDArray[np.int64],
        speakers: list[str],
        sort: FrameSort,
        workers: Workers = SERIAL,
    ) -> None:
        """Add aligned utterances.

        Args:
            posterior_frames: (sum T, D), what posteriors are computed on.
            frames: (sum T, D), what the transforms will be applied to.
            sort: aligned frames by pdf, silence left out.
        """
        laid_out = SortedFrames.of(posterior_frames, sort)
        inverse = 1.0 / target_model.variances
        pulled = target_model.means * inverse
        precision = np.empty((len(laid_out.order), target_model.dim))
        pull = np.empty_like(precision)

        def of_pdf(pdf: int) -> None:
            owned = slice(posterior_model.offsets[pdf], posterior_model.offsets[pdf + 1])
            for block in laid_out.blocks(pdf, BLOCK):
                gamma = posteriors_of(posterior_model, laid_out.frames[block], pdf)
                precision[block] = gamma @ inverse[owned]
                pull[block] = gamma @ pulled[owned]

        workers.map(of_pdf, range(posterior_model.num_pdfs))
        names = sorted(set(speakers))
        number = {speaker: n for n, speaker in enumerate(names)}
        of_utterance = np.array([number[speaker] for speaker in speakers], np.int64)
        of_row = np.repeat(of_utterance, np.diff(offsets))[laid_out.order]
        for n, speaker in enumerate(names):
            rows = np.flatnonzero(of_row == n)
            extended = np.ones((len(rows), frames.shape[1] + 1), np.float32)
            extended[:, :-1] = frames[laid_out.order[rows]]
            found = SpeakerStatistics(
                float(len(rows)),
                pull[rows].T @ extended.astype(np.float64),
                weighted_outer(extended, precision[rows], workers),
            )
            if speaker in self.speakers:
                self.speakers[speaker].add(found)
            else:
                self.speakers[speaker] = found


def estimate_fmllr(
    stats: FmllrStatistics, min_count: float = MIN_COUNT, workers: Workers = SERIAL
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """[A b] (D, D + 1) of every speaker with enough frames, and the mean gain a frame."""

    def of_speaker(own: SpeakerStatistics) -> tuple[NDArray[np.float64], float]:
        start = np.eye(len(own.linear), len(own.linear) + 1)
        matrix = _sweep(own.beta, own.linear, own.quadratic, start.copy(), NUM_ITERATIONS)
        return matrix, fmllr_objective(own, matrix) - fmllr_objective(own, start)

    speakers = [name for name, own in sorted(stats.speakers.items()) if own.beta >= min_count]
    found = workers.map(of_speaker, [stats.speakers[name] for name in speakers])
    transforms = {name: matrix for name, (matrix, _) in zip(speakers, found, strict=True)}
    frames = sum(stats.speakers[name].beta for name in speakers)
    return transforms, sum(gain for _, gain in found) / max(frames, 1.0)


def fmllr_objective(stats: SpeakerStatistics, matrix: NDArray[np.float64]) -> float:
    """β log|A| + Σ_i w_i k_iᵀ - ½ w_i G_i w_iᵀ (Gales 1998, eq. 31)."""
    _, log_det = np.linalg.slogdet(matrix[:, :-1])
    quadratic = np.einsum("id,ide,ie->", matrix, stats.quadratic, matrix)
    return float(stats.beta * log_det + (matrix * stats.linear).sum() - 0.5 * quadratic)


@njit(cache=True, nogil=True)
def _sweep(
    beta: float,
    linear: NDArray[np.float64],
    quadratic: NDArray[np.float64],
    matrix: NDArray[np.float64],
    num_iterations: int,
) -> NDArray[np.float64]:
    """Row-by-row maximisation; each row solves a quadratic equation (Gales 1998, eq. 32-34)."""
    dim = linear.shape[0]
    inverse = np.empty_like(quadratic)
    pulled = np.empty_like(linear)
    for i in range(dim):
        inverse[i] = np.linalg.inv(quadratic[i])
        pulled[i] = inverse[i] @ linear[i]
    for _ in range(num_iterations):
        moved = 0.0
        unmix = np.linalg.inv(np.ascontiguousarray(matrix[:, :dim]))
        for i in range(dim):
            p = np.zeros(dim + 1)
            p[:dim] = unmix[:, i]
            g_p = inverse[i] @ p
            g_k = pulled[i]
            a, b = p @ g_p, p @ g_k
            root = np.sqrt(b * b + 4.0 * a * beta)
            best_value, best_alpha = -np.inf, 0.0
            for sign in (-1.0, 1.0):
                alpha = (-b + sign * root) / (2.0 * a)
                # Along the line w(α) = α G⁻¹p + G⁻¹k only these terms change.
                value = beta * np.log(np.abs(alpha * a + b)) - 0.5 * alpha * alpha * a
                if value > best_value:
                    best_value, best_alpha = value, alpha
            row = best_alpha * g_p + g_k
            change = row - matrix[i]
            moved = max(moved, np.abs(change).max())
            left = unmix[:, i].copy()
            across = np.ascontiguousarray(change[:dim]) @ unmix
            left /= 1.0 + change[:dim] @ left
            for r in range(dim):
                for c in range(dim):
                    unmix[r, c] -= left[r] * across[c]
            matrix[i] = row
        if moved < 1e-6:
            break
    return matrix
