"""Small random word lattices, as dicts and as columns, and all their paths by enumeration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.decode.lattice_columns import LatticeColumns
from pipeline.decode.n_best import WordLattice
from pipeline.io.json_lines import json_line
from pipeline.io.symbols import SymbolTable

WORDS = SymbolTable(["a", "b", "c", "#0", "<s>", "</s>"])
LM_WEIGHT = 2.0


def random_lattice(seed: int) -> WordLattice:
    """Up to 6 nodes and 12 arcs, the same words on several ways; a whole path is there."""
    rng = np.random.default_rng(seed)
    num_nodes = int(rng.integers(2, 7))
    frame = [0, *np.sort(rng.integers(1, 20, num_nodes - 1)).tolist()]
    pairs = [(0, 1), (0, num_nodes - 1)]
    for _ in range(int(rng.integers(1, 11))):
        source, target = sorted(rng.choice(num_nodes, 2, replace=False).tolist())
        pairs.append((source, target))
    reached = {0}
    arcs = []
    for source, target in sorted(pairs):
        if source not in reached:
            continue
        reached.add(target)
        ids = rng.integers(1, 9, frame[target] - frame[source]).tolist()
        word = str(rng.choice(["a", "b", "c"]))
        acoustic, graph = (round(float(x), 4) for x in rng.exponential([6.0, 3.0]))
        arcs.append([source, target, word, acoustic, graph, ids])
    keep = sorted(reached)
    number = {node: n for n, node in enumerate(keep)}
    final = []
    for node in keep:
        if node == num_nodes - 1 or rng.random() < 0.2:
            ids = rng.integers(1, 9, 20 - frame[node]).tolist()
            final.append([number[node], round(float(rng.exponential(2.0)), 4), 0.5, ids])
    return {
        "utterance_id": f"u{seed}",
        "num_frames": 20,
        "reached_final": True,
        "lm_weight": LM_WEIGHT,
        "frame": [frame[node] for node in keep],
        "arcs": sorted([number[a[0]], number[a[1]], *a[2:]] for a in arcs),
        "final": final,
    }


def columns(lattice: WordLattice) -> LatticeColumns:
    """The same as columns."""
    return LatticeColumns.parse(json_line(lattice))


def all_paths(lattice: WordLattice) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """(words, acoustic cost, graph cost) of every path, some with the same words."""
    stack: list[tuple[int, tuple[str, ...], float, float]] = [(0, (), 0.0, 0.0)]
    while stack:
        node, words, acoustic, graph = stack.pop()
        for where, more_acoustic, more_graph, _ in lattice["final"]:
            if where == node:
                yield words, acoustic + more_acoustic, graph + more_graph
        for source, target, word, more_acoustic, more_graph, _ in lattice["arcs"]:
            if source == node:
                more = (acoustic + more_acoustic, graph + more_graph)
                stack.append((target, (*words, word), *more))


def all_sentences(
    lattice: WordLattice, lm_weight: float, penalty: float = 0.0
) -> dict[tuple[str, ...], float]:
    """Least cost of each sentence."""
    table: dict[tuple[str, ...], float] = {}
    for words, acoustic, graph in all_paths(lattice):
        total = acoustic / lm_weight + graph + penalty * len(words)
        table[words] = min(total, table.get(words, float("inf")))
    return table


def levenshtein(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Edit distance by its recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        levenshtein(a[1:], b[1:]) + (a[0] != b[0]),
        levenshtein(a[1:], b) + 1,
        levenshtein(a, b[1:]) + 1,
    )
