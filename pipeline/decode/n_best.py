"""Sentences of a word lattice, best first, and their posterior probabilities.

A word lattice is a line of lattices.jsonl.gz (see ``word_lattice``). The search is A* with the
exact rest cost, so sentences come in the order of their cost; of each the cheapest path counts.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

WordLattice = dict[str, Any]


@dataclass(frozen=True)
class Sentence:
    """A sentence and its cheapest path."""

    words: tuple[str, ...]
    acoustic_cost: float  # -log-likelihood, not scaled
    graph_cost: float
    arcs: tuple[int, ...]  # places in the lattice's "arcs", one a word
    final: int  # place in its "final"
    total: float  # acoustic_cost / lm_weight + graph_cost + insertion_penalty * words

    def transition_ids(self, lattice: WordLattice) -> list[int]:
        """One a frame."""
        parts = [lattice["arcs"][arc][5] for arc in self.arcs]
        return [i for part in (*parts, lattice["final"][self.final][3]) for i in part]


def sentences(
    lattice: WordLattice, lm_weight: float | None = None, insertion_penalty: float = 0.0
) -> Iterator[Sentence]:
    """All sentences of a lattice, cheapest first.

    Args:
        lm_weight: default: the one of the search that made the lattice.
    """
    scale = 1.0 / (lm_weight or lattice["lm_weight"])
    num_nodes = len(lattice["frame"])
    leaving: list[list[tuple[int, int, str, float]]] = [[] for _ in range(num_nodes)]
    for n, (source, target, word, acoustic, graph, _) in enumerate(lattice["arcs"]):
        cost = acoustic * scale + graph + insertion_penalty
        leaving[source].append((n, target, word, cost))
    ending: list[list[tuple[int, float]]] = [[] for _ in range(num_nodes)]
    for n, (node, acoustic, graph, _) in enumerate(lattice["final"]):
        ending[node].append((n, acoustic * scale + graph))
    rest = [min((cost for _, cost in ends), default=math.inf) for ends in ending]
    for node in reversed(range(num_nodes)):
        for _, target, _, cost in leaving[node]:
            rest[node] = min(rest[node], cost + rest[target])
    order = count()  # of equal costs the first found
    # (cost with the rest, order, cost so far, node or -1 at the end, words, arcs, final)
    queue: list[Any] = [(rest[0], next(order), 0.0, 0, (), (), -1)]
    seen: set[tuple[int, tuple[str, ...]]] = set()
    while queue:
        _, _, cost, node, words, arcs, final = heapq.heappop(queue)
        if (node, words) in seen:
            continue
        seen.add((node, words))
        if node < 0:
            acoustic = sum(lattice["arcs"][a][3] for a in arcs) + lattice["final"][final][1]
            graph = sum(lattice["arcs"][a][4] for a in arcs) + lattice["final"][final][2]
            yield Sentence(words, acoustic, graph, arcs, final, cost)
            continue
        for n, more in ending[node]:
            heapq.heappush(queue, (cost + more, next(order), cost + more, -1, words, arcs, n))
        for n, target, word, more in leaving[node]:
            if rest[target] < math.inf:
                way = (cost + more + rest[target], next(order), cost + more)
                heapq.heappush(queue, (*way, target, (*words, word), (*arcs, n), -1))


def n_best(
    lattice: WordLattice,
    number: int,
    lm_weight: float | None = None,
    insertion_penalty: float = 0.0,
) -> list[Sentence]:
    """The cheapest sentences, at most ``number``."""
    return list(islice(sentences(lattice, lm_weight, insertion_penalty), number))


def posteriors(found: Sequence[Sentence]) -> list[float]:
    """p(sentence), of some sentences that are taken to be all: proportional to exp(-total)."""
    least = min(sentence.total for sentence in found)
    shares = [math.exp(least - sentence.total) for sentence in found]
    return [share / sum(shares) for share in shares]
