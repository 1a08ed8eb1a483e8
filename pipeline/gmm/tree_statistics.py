"""Gaussian statistics of phones in context, from which the decision tree is grown.

Source: Kaldi's hmm/tree-accu.h (AccumulateTreeStats) and tree/clusterable-classes.h
(GaussClusterable).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import frame_contexts

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
    events, inverse = np.unique(rows, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    starts = np.searchsorted(inverse.ravel()[order], np.arange(len(events)))
    dim = frames.shape[1]
    stats = np.empty((len(events), 1 + 2 * dim))
    bounds = np.append(starts, len(order))
    for event in range(len(events)):
        values = frames[frame[order[bounds[event] : bounds[event + 1]]]].astype(np.float64)
        stats[event, 0] = len(values)
        stats[event, 1 : 1 + dim] = values.sum(axis=0)
        stats[event, 1 + dim :] = (values**2).sum(axis=0)
    return TreeStatistics(events.astype(np.int32), stats)


def _sum_events(events: NDArray[np.int32], stats: NDArray[np.float64]) -> TreeStatistics:
    unique, inverse = np.unique(events, axis=0, return_inverse=True)
    total = np.zeros((len(unique), stats.shape[1]))
    np.add.at(total, inverse.ravel(), stats)
    return TreeStatistics(unique.astype(np.int32), total)
