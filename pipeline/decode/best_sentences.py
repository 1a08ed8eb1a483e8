"""The best sentence of a word lattice at every setting, found in one compiled pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.decode.compiled_lattice import costs_at
from pipeline.decode.lattice_kernels import topological, trace, viterbi
from pipeline.decode.n_best import Sentence, WordLattice
from pipeline.decode.options import Setting


def best_sentences(lattice: WordLattice, settings: Sequence[Setting]) -> list[Sentence]:
    """What ``n_best(lattice, 1, ...)`` finds at each setting; of equal costs it may be another.

    Raises:
        ValueError: the lattice has a cycle or no whole path.
    """
    arcs, ends = lattice["arcs"], lattice["final"]
    end = len(lattice["frame"])  # one more node, into which every way of ending leads
    links = [arc[:2] for arc in arcs] + [[entry[0], end] for entry in ends]
    costs = [arc[3:5] for arc in arcs] + [entry[1:3] for entry in ends]
    source, target = np.ascontiguousarray(np.array(links, np.int64).reshape(-1, 2).T)
    acoustic, graph = np.array(costs, np.float64).reshape(-1, 2).T
    cost = costs_at(settings, acoustic, graph, np.arange(len(links)) < len(arcs))
    order, first, grouped = topological(end + 1, source, target)
    if len(order) <= end:
        raise ValueError(f"the lattice of {lattice['utterance_id']} has a cycle")
    value, back = viterbi(order, first, grouped, target, np.zeros(1, np.int64), cost)
    if not np.isfinite(value[end]).all():
        raise ValueError(f"the lattice of {lattice['utterance_id']} has no whole path")
    found = []
    for k, total in enumerate(value[end].tolist()):
        path = trace(np.ascontiguousarray(back[:, k]), source, end, 0)
        *taken, last = path.tolist()
        words = tuple(arcs[n][2] for n in taken)
        sums = float(acoustic[path].sum()), float(graph[path].sum())
        found.append(Sentence(words, *sums, tuple(taken), last - len(arcs), total))
    return found
