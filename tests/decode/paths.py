"""Sentences of a word lattice, for comparison in tests."""

from __future__ import annotations

from typing import Any


def path_costs(lattice: dict[str, Any], beam: float) -> dict[tuple[str, ...], float]:
    """Least scaled cost of each sentence within ``beam`` of the best."""
    scale = 1.0 / lattice["lm_weight"]
    num_nodes = len(lattice["frame"])
    leaving: list[list[tuple[int, str, float]]] = [[] for _ in range(num_nodes)]
    for source, target, word, acoustic, graph, _ in lattice["arcs"]:
        assert source < target
        leaving[source].append((target, word, acoustic * scale + graph))
    ends = [float("inf")] * num_nodes
    for node, acoustic, graph, _ in lattice["final"]:
        ends[node] = min(ends[node], acoustic * scale + graph)
    rest = list(ends)  # least cost from each node to an end
    for node in reversed(range(num_nodes)):
        for target, _, cost in leaving[node]:
            rest[node] = min(rest[node], cost + rest[target])
    limit = rest[0] + beam
    costs: dict[tuple[str, ...], float] = {}
    stack: list[tuple[int, tuple[str, ...], float]] = [(0, (), 0.0)]
    while stack:
        node, words, cost = stack.pop()
        if cost + ends[node] <= limit:
            costs[words] = min(cost + ends[node], costs.get(words, float("inf")))
        for target, word, more in leaving[node]:
            if cost + more + rest[target] <= limit:
                stack.append((target, (*words, word), cost + more))
    return costs
