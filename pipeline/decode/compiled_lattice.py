"""``best_paths`` and ``word_lattices`` compiled, for environments that have numba.

Same results as ``best_path`` and ``word_lattice``, which need only numpy; of ways of equal cost
another may be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.best_path import BestPath
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.lattice_bounds import MAX_WAY_ARCS, Costs, within_bounds
from pipeline.decode.lattice_kernels import (
    frames_of,
    remaining,
    topological,
    trace,
    viterbi,
    word_ways,
)
from pipeline.decode.options import Setting
from pipeline.decode.word_lattice import SLACK, Ways, lattice_lines

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Order:
    """States in topological order; arcs grouped by source."""

    states: Ints
    first: Ints
    arcs: Ints

    @classmethod
    def of(cls, batch: LatticeBatch) -> _Order:
        found = topological(batch.num_states, batch.source, batch.target)
        if len(found[0]) < batch.num_states:
            raise ValueError("the lattice has a cycle")
        return cls(*found)


def costs_at(
    settings: Sequence[Setting], acoustic: Costs, graph: Costs, num_words: NDArray[Any]
) -> Costs:
    """Scaled costs of arcs at K settings: three columns (A,) -> (A, K)."""
    scale = np.array([1.0 / s.lm_weight for s in settings])
    penalty = np.array([s.insertion_penalty for s in settings])
    cost: Costs = acoustic[:, None] * scale
    cost += graph[:, None] + num_words[:, None] * penalty
    return cost


def best_paths(batch: LatticeBatch, settings: Sequence[Setting]) -> list[BestPath]:
    """As ``best_path.best_paths``.

    Raises:
        ValueError: a lattice has no path from its start to its final state.
    """
    acoustic, graph = batch.acoustic.astype(np.float64), batch.graph.astype(np.float64)
    cost = costs_at(settings, acoustic, graph, batch.num_words)
    order = _Order.of(batch)
    value, back = viterbi(order.states, order.first, order.arcs, batch.target, batch.start, cost)
    paths = []
    back = np.ascontiguousarray(back.T)
    for u, utterance_id in enumerate(batch.utterance_ids):
        start, final = int(batch.start[u]), int(batch.final[u])
        if not np.isfinite(value[final]).all():
            raise ValueError(f"the lattice of {utterance_id} has no whole path")
        for k, setting in enumerate(settings):
            arcs = trace(back[k], batch.source, final, start)
            spoken = batch.words[arcs]
            words = [w for i in spoken[spoken > 0].tolist() for w in batch.word_table[i]]
            costs = float(acoustic[arcs].sum()), float(graph[arcs].sum())
            paths.append(BestPath(utterance_id, setting, tuple(words), *costs, arcs))
    return paths


def word_lattices(
    batch: LatticeBatch,
    lm_weight: float,
    beam: float,
    name: Callable[[int], str],
    max_way_arcs: int = MAX_WAY_ARCS,
) -> Iterator[dict[str, Any]]:
    """As ``word_lattice.word_lattices``."""
    order = _Order.of(batch)
    places = order.states, order.first, order.arcs
    is_final = np.zeros(batch.num_states, bool)
    is_final[batch.final] = True
    owner = np.repeat(np.arange(len(batch.utterance_ids)), np.diff(batch.first_state))

    def find(cost: Costs, beams: Costs, room: Ints) -> tuple[Ints, ...]:
        value, _ = viterbi(*places, batch.target, batch.start, cost[:, None])
        forward = np.ascontiguousarray(value[:, 0])
        rest = remaining(*places, batch.target, batch.final, cost)
        limit = (forward[batch.final] + beams + SLACK)[owner]
        found: tuple[Ints, ...] = word_ways(
            *(*places, batch.source, batch.target, batch.words, cost),
            *(batch.start, is_final, forward, rest, limit, owner, room),
        )
        return found

    columns = within_bounds(batch, lm_weight, beam, find, best_paths, max_way_arcs)
    ways = Ways.of(batch, *columns)
    frame = frames_of(*places, batch.target, batch.transition_id)
    level = np.empty(batch.num_states, np.int64)
    level[order.states] = 2 * np.arange(batch.num_states)
    return lattice_lines(batch, ways, frame, level, lm_weight, name)
