"""Walks in grammars, and a lattice's product with two of them: the kernels of ``rescoring``.

A grammar is (first arc of each state (S + 1,); label, cost and target of each arc (A,), a state's
arcs ascending by label; final cost (S,); label of backing off (1,)).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Costs = NDArray[np.float32]
Table = tuple[Ints, Labels, Costs, Labels, Costs, Labels]
Whole = int | np.int64
NOTHING = -1


@njit(cache=True, nogil=True)
def _arc(table: Table, state: Whole, label: Whole) -> int:
    """A state's own arc of a label."""
    first, labels = table[0], table[1]
    low, high = first[state], first[state + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if labels[middle] < label:
            low = middle + 1
        else:
            high = middle
    return low if low < end and labels[low] == label else NOTHING


@njit(cache=True, nogil=True)
def step(table: Table, state: Whole, label: Whole) -> tuple[float, Whole]:
    """Cost of a word, and the state after it; NOTHING if it cannot be said here."""
    costs, targets, backoff = table[2], table[3], table[5][0]
    total = 0.0
    while label >= 0:
        arc = _arc(table, state, label)
        if arc != NOTHING:
            return total + costs[arc], np.int64(targets[arc])
        back = _arc(table, state, backoff)
        if back == NOTHING:
            break
        total += costs[back]
        state = targets[back]
    return np.inf, NOTHING


@njit(cache=True, nogil=True)
def ends(table: Table, states: Ints) -> Floats:
    """Cost of ending the sentence at each state."""
    costs, targets, final, backoff = table[2], table[3], table[4], table[5][0]
    found = np.empty(len(states))
    for n in range(len(states)):
        state, total = states[n], 0.0
        while not np.isfinite(final[state]):
            back = _arc(table, state, backoff)
            if back == NOTHING:
                break
            total += costs[back]
            state = targets[back]
        found[n] = total + final[state]
    return found


@njit(cache=True, nogil=True)
def along(table: Table, state: Whole, labels: Ints) -> Floats:
    """Cost of each word of a sentence and of its end; inf from where it cannot be said."""
    found = np.full(len(labels) + 1, np.inf)
    for n in range(len(labels)):
        cost, state = step(table, state, labels[n])
        if state == NOTHING:
            return found
        found[n] = cost
    found[-1] = ends(table, np.array([state]))[0]
    return found


@njit(cache=True, nogil=True)
def product(
    first: Ints,
    arcs: Ints,
    target: Ints,
    old_label: Ints,
    new_label: Ints,
    old: Table,
    new: Table,
    old_start: int,
    new_start: int,
) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints, Floats]:
    """Nodes of a lattice paired with states of the grammars that a way to them ends in.

    Args:
        first, arcs: (N + 1,), (A,) the lattice's arcs by source; each leads to a later node.
        target: (A,); old_label, new_label: (A,) word of each arc in the grammars.
    Returns:
        node, state of old, state of new (M,), sorted; source and target among these, arc, change
        of cost (L,) of each arc between them, by source.
    """
    num_nodes, num_states = len(first) - 1, np.int64(len(new[4]))
    nodes = [np.int64(0) for _ in range(0)]
    old_states = [np.int64(0) for _ in range(0)]
    new_states = [np.int64(0) for _ in range(0)]
    sources = [np.int64(0) for _ in range(0)]
    targets = [np.int64(0) for _ in range(0)]
    taken = [np.int64(0) for _ in range(0)]
    changes = [0.0 for _ in range(0)]
    pairs = [np.int64(0) for _ in range(0)]  # states of both grammars after an arc, as one number
    # Arcs by which a node is reached are chained until it is visited.
    latest = np.full(num_nodes, NOTHING, np.int64)
    before = [np.int64(0) for _ in range(0)]
    for node in range(num_nodes):
        incoming = [np.int64(0) for _ in range(0)]
        link = latest[node]
        while link != NOTHING:
            incoming.append(link)
            link = before[link]
        reached = np.array([pairs[link] for link in incoming])
        if node == 0:
            reached = np.array([old_start * num_states + new_start])
        order = np.argsort(reached)
        for n in range(len(order)):
            pair = reached[order[n]]
            is_new = n == 0 or pair != reached[order[n - 1]]
            if is_new:
                nodes.append(np.int64(node))
                old_states.append(pair // num_states)
                new_states.append(pair % num_states)
            number = np.int64(len(nodes) - 1)
            if node > 0:
                targets[incoming[order[n]]] = number
            if not is_new:
                continue
            for m in range(first[node], first[node + 1]):
                arc = arcs[m]
                old_cost, old_next = step(old, old_states[number], old_label[arc])
                new_cost, new_next = step(new, new_states[number], new_label[arc])
                if old_next == NOTHING or new_next == NOTHING:
                    continue
                before.append(latest[target[arc]])
                latest[target[arc]] = len(sources)
                sources.append(number)
                targets.append(np.int64(NOTHING))
                taken.append(arc)
                changes.append(new_cost - old_cost)
                pairs.append(old_next * num_states + new_next)
    return (
        *(np.array(nodes), np.array(old_states), np.array(new_states)),
        *(np.array(sources), np.array(targets), np.array(taken), np.array(changes)),
    )


@njit(cache=True, nogil=True)
def with_end(source: Ints, target: Ints, is_end: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nodes from which an end can be reached, from those that are one; arcs by source, upwards."""
    alive = is_end.copy()
    for n in range(len(source) - 1, -1, -1):
        alive[source[n]] |= alive[target[n]]
    return alive
