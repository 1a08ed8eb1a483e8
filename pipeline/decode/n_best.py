"""Sentences of a word lattice, best first, and their posterior probabilities.

A word lattice is a line of lattices.jsonl.gz (see ``word_lattice``). The search is A* over prefixes
of sentences with the exact rest cost: a prefix stands for all nodes that it leads to, so only
prefixes of the sentences found are followed. Of each sentence the cheapest path counts.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

WordLattice = dict[str, Any]
Costs = NDArray[np.float64]
_END = -1


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


class _Arcs:
    """Arcs sorted by word and target, with costs; least costs from each node to an end."""

    def __init__(self, lattice: WordLattice, scale: float, penalty: float) -> None:
        arcs = lattice["arcs"]
        self.num_nodes = len(lattice["frame"])
        names = np.array([arc[2] for arc in arcs], str)
        self.words, word = np.unique(names, return_inverse=True)
        table = np.array([arc[:2] for arc in arcs], np.int64).reshape(len(arcs), 2)
        costs = np.array([arc[3:5] for arc in arcs], np.float64).reshape(len(arcs), 2)
        self.order = np.lexsort((table[:, 1], word))  # place in the lattice of each sorted arc
        self.source, self.target = table[self.order].T
        self.cost = (costs @ np.array([scale, 1.0]) + penalty)[self.order]
        word = word[self.order]
        # Groups of one word and target, and where each word's groups and arcs begin.
        new = np.ones(len(arcs), bool)
        new[1:] = (np.diff(word) != 0) | (np.diff(self.target) != 0)
        self.group = np.flatnonzero(new)
        self.first_group = np.searchsorted(word[self.group], np.arange(len(self.words)))
        self.first_arc = np.searchsorted(word, np.arange(len(self.words) + 1))
        self.ends = [(f[0], f[1] * scale + f[2], n) for n, f in enumerate(lattice["final"])]
        self.rest = np.full(self.num_nodes, np.inf)
        for node, cost, _ in self.ends:
            self.rest[node] = min(self.rest[node], cost)
        for n in np.argsort(-self.source, kind="stable").tolist():
            way = self.cost[n] + self.rest[self.target[n]]
            self.rest[self.source[n]] = min(self.rest[self.source[n]], way)

    def best_with(self, nodes: Costs) -> Costs:
        """Least cost of a whole path with each word next: (nodes,) -> (words,)."""
        if not len(self.cost):
            return np.zeros(0)
        least = np.minimum.reduceat(nodes[self.source] + self.cost, self.group)
        least += self.rest[self.target[self.group]]
        found: Costs = np.minimum.reduceat(least, self.first_group)
        return found

    def after(self, nodes: Costs, word: int) -> Costs:
        """Least cost of each node after one more word: (nodes,) -> (nodes,)."""
        arcs = slice(self.first_arc[word], self.first_arc[word + 1])
        reached = np.full(self.num_nodes, np.inf)
        np.minimum.at(reached, self.target[arcs], nodes[self.source[arcs]] + self.cost[arcs])
        return reached

    def arc_into(self, nodes: Costs, word: int, target: int) -> int:
        """The sorted arc of a word by which ``target`` is reached at least cost."""
        first, end = self.first_arc[word], self.first_arc[word + 1]
        first, end = first + np.searchsorted(self.target[first:end], [target, target + 1])
        costs = nodes[self.source[first:end]] + self.cost[first:end]
        return int(first + np.argmin(costs))


def sentences(
    lattice: WordLattice, lm_weight: float | None = None, insertion_penalty: float = 0.0
) -> Iterator[Sentence]:
    """All sentences of a lattice, cheapest first.

    Args:
        lm_weight: default: the one of the search that made the lattice.
    """
    arcs = _Arcs(lattice, 1.0 / (lm_weight or lattice["lm_weight"]), insertion_penalty)
    start = np.full(arcs.num_nodes, np.inf)
    start[0] = 0.0
    order = count()  # of equal costs the first found
    # (cost with the rest, order, costs of the nodes of each prefix so far, words, next word or END)
    queue: list[tuple[float, int, tuple[Costs, ...], tuple[int, ...], int]] = []

    def push(ways: tuple[Costs, ...], words: tuple[int, ...]) -> None:
        nodes = ways[-1]
        end = min((nodes[node] + cost for node, cost, _ in arcs.ends), default=np.inf)
        if end < np.inf:
            heapq.heappush(queue, (float(end), next(order), ways, words, _END))
        for word, cost in enumerate(arcs.best_with(nodes).tolist()):
            if cost < np.inf:
                heapq.heappush(queue, (cost, next(order), ways, words, word))

    push((start,), ())
    while queue:
        cost, _, ways, words, word = heapq.heappop(queue)
        if word == _END:
            yield _sentence(lattice, arcs, ways, words, cost)
        else:
            push((*ways, arcs.after(ways[-1], word)), (*words, word))


def _sentence(
    lattice: WordLattice,
    arcs: _Arcs,
    ways: tuple[Costs, ...],
    words: tuple[int, ...],
    total: float,
) -> Sentence:
    """Follow the cheapest path of a sentence back."""
    _, node, final = min((ways[-1][node] + cost, node, n) for node, cost, n in arcs.ends)
    path = []
    for nodes, word in zip(reversed(ways[:-1]), reversed(words), strict=True):
        arc = arcs.arc_into(nodes, word, node)
        path.append(int(arcs.order[arc]))
        node = int(arcs.source[arc])
    steps = [lattice["arcs"][n] for n in path]
    end = lattice["final"][final]
    return Sentence(
        tuple(str(arcs.words[word]) for word in words),
        sum(step[3] for step in steps) + end[1],
        sum(step[4] for step in steps) + end[2],
        tuple(path[::-1]),
        final,
        total,
    )


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
