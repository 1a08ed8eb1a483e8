"""FSTs and lattices as flat arrays: what touches single arcs works on these.

kaldifst composes and determinises (``exchange``), files are OpenFst's (``openfst``). Only numpy is
needed here, so that every environment can hold a graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPSILON = 0
NO_COST = np.float32(np.inf)  # tropical zero: no such path


@dataclass
class Fst:
    """A weighted transducer over the tropical semiring; arcs are grouped by their source state.

    State s has the arcs ``first_arc[s]`` to ``first_arc[s + 1]``; ``final[s]`` is inf where s is
    not final. Costs are -log probabilities. ``start`` is -1 in an FST that accepts nothing.
    """

    start: int
    final: NDArray[np.float32]  # (S,)
    first_arc: NDArray[np.int64]  # (S + 1,)
    ilabel: NDArray[np.int32]  # (A,)
    olabel: NDArray[np.int32]  # (A,)
    cost: NDArray[np.float32]  # (A,)
    nextstate: NDArray[np.int32]  # (A,)

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.final)

    @property
    def num_arcs(self) -> int:
        """A."""
        return len(self.ilabel)

    @property
    def source(self) -> NDArray[np.int32]:
        """Source state of each arc: (A,)."""
        return np.repeat(np.arange(self.num_states, dtype=np.int32), np.diff(self.first_arc))

    def reachable(self) -> NDArray[np.bool_]:
        """Which states some path from the start enters: (S,)."""
        seen = np.zeros(self.num_states, bool)
        if self.start < 0:
            return seen
        seen[self.start] = True
        source = self.source
        count = 0
        while seen.sum() > count:
            count = int(seen.sum())
            seen[self.nextstate[seen[source]]] = True
        return seen

    def subset(self, chosen: NDArray[np.bool_]) -> Fst:
        """The FST with the chosen arcs alone."""
        counts = np.bincount(self.source[chosen], minlength=self.num_states)
        return Fst(
            self.start,
            self.final,
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            self.ilabel[chosen],
            self.olabel[chosen],
            self.cost[chosen],
            self.nextstate[chosen],
        )

    @classmethod
    def from_arcs(
        cls,
        start: int,
        final: NDArray[Any],
        source: NDArray[Any],
        ilabel: NDArray[Any],
        olabel: NDArray[Any],
        cost: NDArray[Any],
        nextstate: NDArray[Any],
    ) -> Fst:
        """From arcs in any order; arcs of one state keep their order."""
        order = np.argsort(source, kind="stable")
        counts = np.bincount(source, minlength=len(final))
        return cls(
            start,
            np.asarray(final, np.float32),
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            np.asarray(ilabel, np.int32)[order],
            np.asarray(olabel, np.int32)[order],
            np.asarray(cost, np.float32)[order],
            np.asarray(nextstate, np.int32)[order],
        )


@dataclass
class Lattice:
    """Arrays of a lattice in Kaldi's sense: each arc has a graph and an acoustic cost."""

    start: int
    final: NDArray[np.float32]  # (S, 2): graph, acoustic; inf where not final
    first_arc: NDArray[np.int64]  # (S + 1,)
    ilabel: NDArray[np.int32]  # (A,)
    olabel: NDArray[np.int32]  # (A,)
    cost: NDArray[np.float32]  # (A, 2): graph, acoustic
    nextstate: NDArray[np.int32]  # (A,)


def from_tuples(
    arcs: Iterable[tuple[int, int, int, float, int]], final: dict[int, float], start: int = 0
) -> Fst:
    """From (source, ilabel, olabel, cost, nextstate) tuples and final costs by state."""
    rows = list(arcs)
    top = max([start, *final, *(max(row[0], row[4]) for row in rows)])
    costs = np.full(top + 1, NO_COST, np.float32)
    for state, cost in final.items():
        costs[state] = cost
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
    source, ilabel, olabel, cost_column, nextstate = (np.array(c) for c in columns)
    return Fst.from_arcs(
        start, costs, source.astype(np.int64), ilabel, olabel, cost_column, nextstate
    )
