"""Oracle errors: those of the sentence in a lattice that is nearest to the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def oracle_errors(lattice: dict[str, Any], reference: Sequence[str]) -> int:
    """Least edit distance of a sentence of the word lattice from the reference.

    Levenshtein's recursion with a lattice in place of the hypothesis: best[node][r] is the least
    distance of a way to the node from the first r reference words.
    """
    num = len(reference)
    infinite = num + len(lattice["frame"]) + 1
    best = [[infinite] * (num + 1) for _ in lattice["frame"]]
    best[0] = list(range(num + 1))
    # Arcs lead to higher nodes: when the arcs out of a node come, its row is final.
    for source, target, word, *_ in sorted(lattice["arcs"], key=lambda arc: arc[0]):
        here, there = best[source], best[target]
        there[0] = min(there[0], here[0] + 1)
        for r in range(1, num + 1):
            step = here[r - 1] + (word != reference[r - 1])
            there[r] = min(there[r], step, here[r] + 1, there[r - 1] + 1)
    return min(best[node][num] for node, *_ in lattice["final"])
