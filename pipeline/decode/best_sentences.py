"""The best sentence of a word lattice at every setting, found in one compiled pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.decode.compiled_lattice import costs_at
from pipeline.decode.lattice_columns import LatticeColumns
from pipeline.decode.lattice_kernels import topological, trace, viterbi
from pipeline.decode.n_best import Sentence
from pipeline.decode.options import Setting


def best_sentences(lattice: LatticeColumns, settings: Sequence[Setting]) -> list[Sentence]:
    """What ``n_best(lattice, 1, ...)`` finds at each setting; of equal costs it may be another.

    Raises:
        ValueError: the lattice has no whole path.
    """
    arcs, ends = lattice.arcs, lattice.ends
    end = len(lattice.frame)  # one more node, into which every way of ending leads
    source = np.concatenate((arcs.nodes[:, 0], ends.nodes[:, 0]))
    target = np.concatenate((arcs.nodes[:, 1], np.full(len(ends), end)))
    acoustic = np.concatenate((arcs.acoustic, ends.acoustic))
    graph = np.concatenate((arcs.graph, ends.graph))
    cost = costs_at(settings, acoustic, graph, np.arange(len(source)) < len(arcs))
    order, first, grouped = topological(end + 1, source, target)
    value, back = viterbi(order, first, grouped, target, np.zeros(1, np.int64), cost)
    if not np.isfinite(value[end]).all():
        raise ValueError(f"the lattice of {lattice.utterance_id} has no whole path")
    found = []
    for k, total in enumerate(value[end].tolist()):
        path = trace(np.ascontiguousarray(back[:, k]), source, end, 0)
        *taken, last = path.tolist()
        words = tuple(lattice.words[word] for word in arcs.word[taken].tolist())
        sums = float(acoustic[path].sum()), float(graph[path].sum())
        found.append(Sentence(words, *sums, tuple(taken), last - len(arcs), total))
    return found
