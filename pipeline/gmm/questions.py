"""Phonetic questions made from data, by clustering the phones.

Source: Kaldi's tree/build-tree-questions.h and AutomaticallyObtainQuestions; the clusters here come
from bottom-up merging by least loss of likelihood, every inner node being a question.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.tree_statistics import TreeStatistics, log_likelihood


def agglomerate(
    stats: NDArray[np.float64], max_loss: float = np.inf
) -> list[tuple[int, int, float]]:
    """Merge clusters bottom-up, always the pair whose merging loses least likelihood.

    Args:
        stats: (K, 1 + 2D), one row a cluster.
        max_loss: no merge that loses more.
    Returns:
        Merges (kept, absorbed, loss): row ``absorbed`` joins row ``kept``.
    """
    stats = stats.copy()
    count = len(stats)
    own = log_likelihood(stats)
    loss = np.full((count, count), np.inf)
    for i in range(count - 1):
        joint = log_likelihood(stats[i] + stats[i + 1 :])
        loss[i, i + 1 :] = own[i] + own[i + 1 :] - joint
    merges = []
    for _ in range(count - 1):
        i, j = divmod(int(np.argmin(loss)), count)
        if not loss[i, j] <= max_loss:
            break
        merges.append((i, j, float(loss[i, j])))
        stats[i] += stats[j]
        own[i] = log_likelihood(stats[i])
        loss[j, :] = loss[:, j] = np.inf
        alive = np.array([k for k in range(count) if k != i and np.isfinite(own[k])])
        own[j] = np.nan
        alive = alive[alive != j]
        if len(alive):
            values = own[i] + own[alive] - log_likelihood(stats[i] + stats[alive])
            low, high = np.minimum(alive, i), np.maximum(alive, i)
            loss[low, high] = values
    return merges


def automatic_questions(
    statistics: TreeStatistics, phone_sets: list[list[int]], pdf_class: int = 1
) -> list[frozenset[int]]:
    """Sets of phones to ask about, from how alike the phones sound in their middle state.

    Returns:
        Each phone set alone and every cluster of them, without repeats, small sets first.
    """
    dim = statistics.stats.shape[1]
    per_set = np.zeros((len(phone_sets), dim))
    for n, members in enumerate(phone_sets):
        chosen = np.isin(statistics.events[:, 1], members) & (statistics.events[:, 3] == pdf_class)
        per_set[n] = statistics.stats[chosen].sum(axis=0)
    clusters = {n: frozenset(members) for n, members in enumerate(phone_sets)}
    questions = set(clusters.values())
    for kept, absorbed, _ in agglomerate(per_set):
        clusters[kept] = clusters[kept] | clusters.pop(absorbed)
        questions.add(clusters[kept])
    everything = frozenset(p for members in phone_sets for p in members)
    questions.discard(everything)
    # At an edge of the utterance there is no phone (0): "any phone at all" is a question too.
    questions.add(everything)
    return sorted(questions, key=lambda q: (len(q), sorted(q)))
