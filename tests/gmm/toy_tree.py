"""Statistics of made-up phones in context, and the tree's rules written as slow loops."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.tree_statistics import TreeStatistics

Row = NDArray[np.float64]


def random_statistics(
    rng: np.random.Generator,
    silence: list[int],
    speech: list[int],
    context: float = 1.0,
    dim: int = 2,
) -> TreeStatistics:
    """Counts and moments of every triphone; ``context`` is how far neighbours pull the means."""
    centre, left, right = (rng.normal(0, 1, (max(speech) + 1, 5, dim)) for _ in range(3))
    events, stats = [], []
    around = [0, *silence, *speech]
    for phone in (*silence, *speech):
        contexts = [(0, 0)] if phone in silence else list(itertools.product(around, around))
        for a, b in contexts:
            for pdf_class in range(5 if phone in silence else 3):
                if phone in speech and rng.random() < 0.3:
                    continue  # not every triphone is seen
                mean = 3 * centre[phone, pdf_class]
                mean = mean + context * (left[a, pdf_class] + right[b, pdf_class])
                variance = rng.uniform(0.5, 1.5, dim)
                count = float(rng.integers(3, 60))
                events.append((a, phone, b, pdf_class))
                stats.append(np.concatenate(([count], count * mean, count * (variance + mean**2))))
    order = sorted(range(len(events)), key=events.__getitem__)
    return TreeStatistics(np.array(events, np.int32)[order], np.array(stats)[order])


def plain_log_likelihood(row: Row) -> float:
    """Of one Gaussian's data under that Gaussian, dimension by dimension."""
    count = float(row[0])
    if count == 0:
        return 0.0
    dim = (len(row) - 1) // 2
    total = 0.0
    for d in range(dim):
        mean = row[1 + d] / count
        variance = row[1 + dim + d] / count - mean**2
        floored = max(variance, 0.01)
        total -= 0.5 * count * (np.log(2 * np.pi * floored) + variance / floored)
    return total


def merge_loss(a: Row, b: Row) -> float:
    """Likelihood lost when two Gaussians become one."""
    return plain_log_likelihood(a) + plain_log_likelihood(b) - plain_log_likelihood(a + b)


def plain_agglomerate(rows: list[Row], max_loss: float = np.inf) -> list[tuple[set[int], float]]:
    """Always merge the two clusters whose merging loses least; every cluster made, and its loss."""
    clusters = {n: ({n}, row) for n, row in enumerate(rows)}
    made = []
    while len(clusters) > 1:
        pairs = itertools.combinations(clusters, 2)
        a, b = min(pairs, key=lambda pair: merge_loss(clusters[pair[0]][1], clusters[pair[1]][1]))
        loss = merge_loss(clusters[a][1], clusters[b][1])
        if loss > max_loss:
            break
        members, row = clusters.pop(b)
        clusters[a] = (clusters[a][0] | members, clusters[a][1] + row)
        made.append((clusters[a][0], loss))
    return made
