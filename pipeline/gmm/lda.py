"""Linear discriminant analysis of spliced frames, the classes being pdfs.

Source: Haeb-Umbach and Ney (1992); Kaldi's acc-lda and est-lda (transform/lda-estimate.cc).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 8192


@dataclass
class LdaStatistics:
    """Counts and sums by class, and the total second moment."""

    count: NDArray[np.float64]  # (P,)
    total: NDArray[np.float64]  # (P, F)
    second: NDArray[np.float64]  # (F, F)

    @classmethod
    def zeros(cls, num_classes: int, dim: int) -> LdaStatistics:
        """Empty statistics."""
        return cls(np.zeros(num_classes), np.zeros((num_classes, dim)), np.zeros((dim, dim)))

    def accumulate(self, frames: NDArray[np.float32], classes: NDArray[np.int32]) -> None:
        """Add frames (T, F) with their classes (T,); a negative class is left out."""
        for t in range(0, len(frames), BLOCK):
            inside = classes[t : t + BLOCK] >= 0
            rows = frames[t : t + BLOCK][inside].astype(np.float64)
            labels = classes[t : t + BLOCK][inside]
            self.count += np.bincount(labels, minlength=len(self.count))
            self.second += rows.T @ rows
            order = np.argsort(labels, kind="stable")
            present, starts = np.unique(labels[order], return_index=True)
            self.total[present] += np.add.reduceat(rows[order], starts, axis=0)


def estimate_lda(stats: LdaStatistics, dim: int) -> NDArray[np.float64]:
    """The (dim, F) matrix whose rows separate the classes most, within-class covariance the unit.

    Raises:
        ValueError: fewer frames than dimensions.
    """
    total = stats.count.sum()
    if total < 2 * stats.second.shape[0]:
        raise ValueError(
            f"{total:.0f} frames are too few for LDA of {stats.second.shape[0]} dimensions"
        )
    mean = stats.total.sum(axis=0) / total
    covariance = stats.second / total - np.outer(mean, mean)
    seen = stats.count > 0
    class_mean = stats.total[seen] / stats.count[seen, None] - mean
    between = (class_mean * (stats.count[seen, None] / total)).T @ class_mean
    within = covariance - between
    scale, basis = np.linalg.eigh(within)
    whiten = (basis / np.sqrt(np.maximum(scale, 1e-10 * scale.max()))).T
    ratio, rotation = np.linalg.eigh(whiten @ between @ whiten.T)
    strongest = rotation[:, np.argsort(-ratio, kind="stable")[:dim]].T
    signs = np.sign(strongest[np.arange(len(strongest)), np.abs(strongest).argmax(axis=1)])
    result: NDArray[np.float64] = (strongest * signs[:, None]) @ whiten  # sign fixed: same bytes
    return result
