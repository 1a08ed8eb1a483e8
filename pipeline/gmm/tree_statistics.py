"""Gaussian statistics of phones in context, from which the decision tree is grown.

Source: Kaldi's hmm/tree-accu.h (AccumulateTreeStats) and tree/clusterable-classes.h
(GaussClusterable).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import frame_contexts, unique_rows

VARIANCE_FLOOR = 0.01


@dataclass(frozen=True)
class TreeStatistics:
    """One row an event: (left phone, phone, right phone, pdf class), with count and moments."""

    events: NDArray[np.int32]  # (E, 4), rows distinct and sorted
    stats: NDArray[np.float64]  # (E, 1 + 2D): count, Σx, Σx²

    def merged(self, other: TreeStatistics) -> TreeStatistics:
        """Sum of two shards (Kaldi's sum-tree-stats)."""
        return _sum_events(
            np.concatenate([self.events, other.events]), np.concatenate([self.stats, other.stats])
        )


def log_likelihood(stats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihood of data under its own single Gaussian: (…, 1 + 2D) -> (…,).

    -½ n (D log 2π + Σ log σ² + Σ s²/σ²), s² the variance and σ² the same, floored at 0.01; 0 where
    nothing was seen.
    """
    dim = (stats.shape[-1] - 1) // 2
    count = stats[..., 0]
    safe = np.maximum(count, 1e-10)[..., None]
    mean = stats[..., 1 : 1 + dim] / safe
    variance = stats[..., 1 + dim :] / safe - mean**2
    floored = np.maximum(variance, VARIANCE_FLOOR)
    terms = np.log(2 * np.pi * floored) + variance / floored
    value = -0.5 * count * terms.sum(axis=-1)
    result: NDArray[np.float64] = np.where(count > 1e-6, value, 0.0)
    return result


def accumulate_tree_statistics(
    hmm: Hmm,
    transition_ids: NDArray[np.int32],
    frames: NDArray[np.float32],
    offsets: NDArray[np.int64],
    context_free: list[int],
) -> TreeStatistics:
    """Statistics of aligned frames (sum T, D); ``context_free`` phones (silence) lose context."""
    frame, rows = frame_contexts(hmm, transition_ids, offsets)
    rows = rows.copy()
    classes = np.zeros((max(hmm.topology.phone_ids) + 1, 16), np.int32)
    for phone in hmm.topology.phone_ids:
        for s, state in enumerate(hmm.topology.states(phone)):
            classes[phone, s] = state.pdf_class
    rows[:, 3] = classes[rows[:, 1], rows[:, 3]]
    free = np.isin(rows[:, 1], context_free)
    rows[free, 0] = 0
    rows[free, 2] = 0
    events, inverse = unique_rows(rows)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(len(events) + 1))
    stats = np.zeros((len(events), 1 + 2 * frames.shape[1]))
    _add_moments(frames, frame[order], bounds, stats)
    return TreeStatistics(events, stats)


@njit(cache=True, nogil=True)
def _add_moments(
    frames: NDArray[np.float32],
    order: NDArray[np.int64],
    bounds: NDArray[np.int64],
    stats: NDArray[np.float64],
) -> None:
    """Add frames order[bounds[e]:bounds[e + 1]] to row e of ``stats``."""
    dim = frames.shape[1]
    for event in range(stats.shape[0]):
        for place in range(bounds[event], bounds[event + 1]):
            frame = frames[order[place]]
            stats[event, 0] += 1.0
            for d in range(dim):
                value = np.float64(frame[d])
                stats[event, 1 + d] += value
                stats[event, 1 + dim + d] += value * value


def _sum_events(events: NDArray[np.int32], stats: NDArray[np.float64]) -> TreeStatistics:
    unique, inverse = unique_rows(events)
    total = np.zeros((len(unique), stats.shape[1]))
    np.add.at(total, inverse, stats)
    return TreeStatistics(unique, total)
