"""Word lattices: a search's lattice reduced to arcs of one word each.

Between two word arcs only the best way is kept, under the scale of the search; a node is the state
that a word arc leads to. So every sequence of words keeps its best cost, and the alignment behind
it. One line of lattices.jsonl.gz:

    utterance_id, num_frames, reached_final, lm_weight (the scale under which ways were chosen);
    frame: [frame at which each node lies]; node 0 is the start, arcs lead to higher nodes;
    arcs: [[source, target, word, acoustic_cost, graph_cost, [transition_id, ...]], ...];
    final: [[node, acoustic_cost, graph_cost, [transition_id, ...]], ...].

Costs are -log and not scaled. A path's cost is that of its arcs and of the final entry of its last
node; its transition_ids are one a frame, in the order that a reordered HCLG has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.best_path import best_paths
from pipeline.decode.lattice import LatticeBatch, Levels
from pipeline.decode.lattice_bounds import MAX_WAY_ARCS, Room, within_bounds
from pipeline.decode.rounding import rounded
from pipeline.decode.rows import Column, cheapest, spread

Costs = NDArray[np.float64]
SLACK = 1e-6  # of the beam, so that rounding never cuts the best path


class _Tokens:
    """Best ways from a node to a state with no word between; those of a state are consecutive.

    ``parent`` is the token of the way without its last arc, -1 for the empty way;
    ``length`` is how many arcs it has.
    """

    def __init__(self, num_states: int) -> None:
        self.first = np.zeros(num_states, np.int64)  # by state
        self.count = np.zeros(num_states, np.int64)
        self._size = 0
        self._room = np.zeros((4, 1024), np.int64)  # longer than what is used
        self._cost = np.zeros(1024)

    @property
    def origin(self) -> Column:
        """State of the node."""
        return self._room[0, : self._size]

    @property
    def parent(self) -> Column:
        """Token."""
        return self._room[1, : self._size]

    @property
    def arc(self) -> Column:
        """Last arc."""
        return self._room[2, : self._size]

    @property
    def length(self) -> Column:
        """Number of arcs."""
        return self._room[3, : self._size]

    @property
    def cost(self) -> Costs:
        """Scaled."""
        return self._cost[: self._size]

    def add(self, state: Column, origin: Column, cost: Costs, parent: Column, arc: Column) -> None:
        """Add tokens sorted by state, of states that have none yet."""
        states, begins, counts = np.unique(state, return_index=True, return_counts=True)
        self.first[states], self.count[states] = self._size + begins, counts
        end = self._size + len(cost)
        if end > len(self._cost):
            more = max(end, 2 * len(self._cost)) - len(self._cost)
            self._room = np.pad(self._room, ((0, 0), (0, more)))
            self._cost = np.pad(self._cost, (0, more))
        length = np.where(parent < 0, arc >= 0, self._room[3, parent] + 1)
        self._room[:, self._size : end] = origin, parent, arc, length
        self._cost[self._size : end] = cost
        self._size = end

    def spread(self, states: Column) -> tuple[Column, Column]:
        """For each of some states, each of its tokens: (row of ``states``, token)."""
        return spread(self.first, self.count, states)

    def ways(self, token: Column, last: Column) -> tuple[Column, Column]:
        """Arcs of some ways, each with one more arc behind (-1: none): (all arcs, arcs of each)."""
        steps = [last]
        while (token >= 0).any():
            steps.append(np.where(token >= 0, self.arc[token], -1))
            token = np.where(token >= 0, self.parent[token], -1)
        table = np.stack(steps[::-1], axis=1)
        there = table >= 0
        return table[there], there.sum(axis=1)


def _distances(batch: LatticeBatch, cost: Costs) -> tuple[Costs, Costs]:
    """Least cost from the start to each state, and from each state to the end: (S,), (S,)."""
    forward = np.full(batch.num_states, np.inf)
    forward[batch.start] = 0.0
    for arcs, begins, targets in batch.levels:
        forward[targets] = np.minimum.reduceat(forward[batch.source[arcs]] + cost[arcs], begins)
    backward = np.full(batch.num_states, np.inf)
    backward[batch.final] = 0.0
    for arcs, begins, sources in Levels.of(batch.num_states, batch.target, batch.source):
        backward[sources] = np.minimum.reduceat(backward[batch.target[arcs]] + cost[arcs], begins)
    return forward, backward


def word_lattices(
    batch: LatticeBatch,
    lm_weight: float,
    beam: float,
    name: Callable[[int], str],
    max_way_arcs: int = MAX_WAY_ARCS,
) -> Iterator[dict[str, Any]]:
    """Word lattices of a batch, in its order, as the lines of lattices.jsonl.gz.

    Ways that are on no path within ``beam`` (in scaled costs) of the best are left out; more, where
    the ways of a lattice would have more than ``max_way_arcs`` arcs (``within_bounds``).

    Args:
        name: the word of a word id.
    """
    frame = np.zeros(batch.num_states, np.int64)
    level = np.zeros(batch.num_states, np.int64)
    for number, (arcs, begins, targets) in enumerate(batch.levels, 1):
        level[targets] = number
        frame[targets] = (frame[batch.source[arcs]] + (batch.transition_id[arcs] > 0))[begins]

    def find(cost: Costs, beams: Costs, room: Room) -> tuple[Column, ...]:
        return _find_ways(batch, cost, beams, room)

    columns = within_bounds(batch, lm_weight, beam, find, best_paths, max_way_arcs)
    ways = Ways.of(batch, *columns)
    return lattice_lines(batch, ways, frame, level, lm_weight, name)


def _find_ways(
    batch: LatticeBatch, cost: Costs, beams: Costs, room: Room
) -> tuple[Column, Column, Column, Column]:
    """Ways between nodes, as ``Ways.of`` takes them; see ``within_bounds``."""
    owner = np.repeat(np.arange(len(beams)), np.diff(batch.first_state))
    forward, backward = _distances(batch, cost)
    limit = (forward[batch.final] + beams + SLACK)[owner]
    tokens = _Tokens(batch.num_states)
    links: list[tuple[Column, Column]] = []  # (token, word arc) of each arc between nodes
    none = np.full(len(batch.start), -1)
    tokens.add(batch.start, batch.start, np.zeros(len(none)), none, none)
    for arcs, _, _ in batch.levels:
        row, token = tokens.spread(batch.source[arcs])
        arc = arcs[row]
        origin, total = tokens.origin[token], tokens.cost[token] + cost[arc]
        target = batch.target[arc]
        kept = forward[origin] + total + backward[target] <= limit[target]
        kept &= room[owner[target]] >= 0
        arc, token, origin, target = arc[kept], token[kept], origin[kept], target[kept]
        total, word = total[kept], batch.words[arc].astype(np.int64)
        spoken = np.flatnonzero(word)
        best = spoken[cheapest(total[spoken], target[spoken], origin[spoken], word[spoken])]
        links.append((token[best], arc[best]))
        np.subtract.at(room, owner[target[best]], tokens.length[token[best]] + 1)
        nodes = np.unique(target[best])
        # The new tokens: ways that go on without a word, and an empty way from each new node.
        silent = np.flatnonzero(word == 0)
        nowhere = np.full(len(nodes), -1)
        state = np.concatenate((target[silent], nodes))
        origin = np.concatenate((origin[silent], nodes))
        total = np.concatenate((total[silent], np.zeros(len(nodes))))
        token = np.concatenate((token[silent], nowhere))
        arc = np.concatenate((arc[silent], nowhere))
        best = cheapest(total, state, origin)
        tokens.add(state[best], origin[best], total[best], token[best], arc[best])
    link_token, link_arc = (np.concatenate(column) for column in zip(*links, strict=True))
    _, end_token = tokens.spread(batch.final)
    np.subtract.at(room, owner[tokens.origin[end_token]], tokens.length[end_token])
    token = np.append(link_token, end_token)
    last = np.append(link_arc, np.full(len(end_token), -1))
    return tokens.origin[token], last, *tokens.ways(token, last)


@dataclass(frozen=True)
class Ways:
    """Ways between nodes, in columns: (n,)."""

    origin: Column  # state of the node that it starts from
    last: Column  # the word arc that ends it; -1: it ends at the final state
    acoustic: list[float]
    graph: list[float]
    ids: NDArray[np.int32]  # transition-ids of all, behind one another
    first: Column  # (n + 1,) where those of each begin

    @classmethod
    def of(
        cls, batch: LatticeBatch, origin: Column, last: Column, arcs: Column, lengths: Column
    ) -> Ways:
        """From all their arcs behind one another, and how many each has."""
        bounds = np.concatenate(([0], np.cumsum(lengths)))

        def sums(column: NDArray[np.float32]) -> list[float]:
            total = np.concatenate(([0.0], np.cumsum(column[arcs].astype(np.float64))))
            found: list[float] = (rounded(total[bounds[1:]] - total[bounds[:-1]]) + 0.0).tolist()
            return found

        ids = batch.transition_id[arcs]
        emitting = ids > 0
        first = np.concatenate(([0], np.cumsum(emitting)))[bounds]
        return cls(origin, last, sums(batch.acoustic), sums(batch.graph), ids[emitting], first)


def lattice_lines(
    batch: LatticeBatch,
    ways: Ways,
    frame: Column,
    level: Column,
    lm_weight: float,
    name: Callable[[int], str],
) -> Iterator[dict[str, Any]]:
    """The lines of lattices.jsonl.gz from the ways between nodes, one after the other.

    Args:
        frame, level: (S,) of each state; along an arc the level rises.
    """
    owner = np.searchsorted(batch.first_state, ways.origin, side="right") - 1
    by_owner = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[by_owner], np.arange(len(batch.utterance_ids) + 1))
    for u in range(len(batch.utterance_ids)):
        mine = by_owner[bounds[u] : bounds[u + 1]]
        last = ways.last[mine]
        places = {int(batch.start[u]): (0, 0)} | {
            s: (int(frame[s]), int(level[s])) for s in batch.target[last[last >= 0]].tolist()
        }
        yield {
            "utterance_id": batch.utterance_ids[u],
            "num_frames": int(frame[batch.final[u]]),
            "reached_final": batch.reached_final[u],
            "lm_weight": lm_weight,
            **_written(batch, ways, mine, places, name),
        }


def _written(
    batch: LatticeBatch,
    ways: Ways,
    mine: Column,
    places: dict[int, tuple[int, int]],
    name: Callable[[int], str],
) -> dict[str, Any]:
    """Nodes, arcs and final entries of one utterance; an arc of several words becomes a chain."""
    # A node is (frame, level, state, arc, words before it): sorted, arcs lead upwards.
    Node = tuple[int, int, int, int, int]
    nodes: dict[int, Node] = {state: (*place, state, -1, 0) for state, place in places.items()}
    arcs: list[tuple[Node, Node, str, float, float, list[int]]] = []
    final: list[tuple[Node, float, float, list[int]]] = []
    last = ways.last[mine]
    columns = ways.origin[mine], last, batch.target[last], batch.words[last]
    bounds = ways.first[mine], ways.first[mine + 1]
    for way, origin, arc, target, spoken, begin, after in zip(
        *(column.tolist() for column in (mine, *columns, *bounds)), strict=True
    ):
        here = nodes[origin]
        costs = ways.acoustic[way], ways.graph[way], ways.ids[begin:after].tolist()
        if arc < 0:
            final.append((here, *costs))
            continue
        end, words = nodes[target], batch.word_table[spoken]
        for n, word in enumerate(words[:-1], 1):
            between = (end[0], end[1] - 1, end[2], arc, n)
            arcs.append((here, between, name(word), *costs))
            here, costs = between, (0.0, 0.0, [])
        arcs.append((here, end, name(words[-1]), *costs))
    number = {
        node: n
        for n, node in enumerate(
            sorted({*nodes.values(), *(a[0] for a in arcs), *(a[1] for a in arcs)})
        )
    }
    rows: list[list[Any]] = [[number[a[0]], number[a[1]], *a[2:]] for a in arcs]
    return {
        "frame": [node[0] for node in number],
        "arcs": sorted(rows),
        "final": sorted([number[f[0]], *f[1:]] for f in final),
    }
