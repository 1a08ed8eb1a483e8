"""Best paths of lattices under many pairs of LM weight and insertion penalty at once.

Source: Kaldi's lattice-scale, lattice-add-penalty and lattice-best-path. Here one pass over the
levels of all lattices serves all settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.options import Setting


@dataclass(frozen=True)
class BestPath:
    """The path that minimises acoustic_cost / lm_weight + graph_cost + penalty * num_words."""

    utterance_id: str
    setting: Setting
    words: tuple[int, ...]  # word ids
    acoustic_cost: float  # -log-likelihood, not scaled
    graph_cost: float
    arcs: NDArray[np.int64]  # arcs of the batch, in the order of the path

    @property
    def total(self) -> float:
        """What the path minimises."""
        return (
            self.acoustic_cost / self.setting.lm_weight
            + self.graph_cost
            + self.setting.insertion_penalty * len(self.words)
        )


def best_paths(batch: LatticeBatch, settings: Sequence[Setting]) -> list[BestPath]:
    """Best paths in the order (utterance, setting); of equal paths the same one each time.

    Raises:
        ValueError: a lattice has no path from its start to its final state.
    """
    lm_scale = np.array([1.0 / s.lm_weight for s in settings])
    penalty = np.array([s.insertion_penalty for s in settings])
    num_settings = len(settings)
    # value[s, k]: least cost of a way from the start to state s under setting k (Viterbi).
    value = np.full((batch.num_states, num_settings), np.inf)
    value[batch.start] = 0.0
    back = np.full((batch.num_states, num_settings), -1, np.int64)
    acoustic, graph = batch.acoustic.astype(np.float64), batch.graph.astype(np.float64)
    for arcs, begins, targets in batch.levels:
        # (arcs, settings)
        candidate = value[batch.source[arcs]] + acoustic[arcs, None] * lm_scale
        candidate += graph[arcs, None] + batch.num_words[arcs, None] * penalty
        least = np.minimum.reduceat(candidate, begins, axis=0)
        sizes = np.diff(np.append(begins, len(arcs)))
        is_least = candidate == np.repeat(least, sizes, axis=0)
        position = np.where(is_least, np.arange(len(arcs))[:, None], len(arcs))
        value[targets] = least
        back[targets] = arcs[np.minimum.reduceat(position, begins, axis=0)]
    if not np.isfinite(value[batch.final]).all():
        lost = int(np.argmin(np.isfinite(value[batch.final]).all(axis=1)))
        raise ValueError(f"the lattice of {batch.utterance_ids[lost]} has no whole path")
    return _trace(batch, settings, back, acoustic, graph)


def _trace(
    batch: LatticeBatch,
    settings: Sequence[Setting],
    back: NDArray[np.int64],
    acoustic: NDArray[np.float64],
    graph: NDArray[np.float64],
) -> list[BestPath]:
    """Follow all (utterance, setting) paths back together."""
    num = len(batch.utterance_ids), len(settings)
    state = np.repeat(batch.final, num[1])
    begin = np.repeat(batch.start, num[1])
    column = np.tile(np.arange(num[1]), num[0])
    steps: list[NDArray[np.int64]] = []  # arc of each path, -1: the path has ended
    while True:
        arc = np.where(state == begin, -1, back[state, column])
        if (arc < 0).all():
            break
        steps.append(arc)
        state = np.where(arc < 0, state, batch.source[arc])
    table = np.array(steps[::-1], np.int64).reshape(len(steps), num[0] * num[1]).T
    there = table >= 0
    acoustic_cost = np.where(there, acoustic[table], 0.0).sum(axis=1)
    graph_cost = np.where(there, graph[table], 0.0).sum(axis=1)
    paths = []
    for n, row in enumerate(table):
        arcs = row[there[n]]
        words = [w for i in batch.words[arcs].tolist() if i for w in batch.word_table[i]]
        paths.append(
            BestPath(
                batch.utterance_ids[n // num[1]],
                settings[n % num[1]],
                tuple(words),
                float(acoustic_cost[n]),
                float(graph_cost[n]),
                arcs,
            )
        )
    return paths
