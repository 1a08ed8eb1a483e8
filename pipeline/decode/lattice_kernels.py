"""Order, best paths and ways between words: the compiled kernels of ``compiled_lattice``."""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

NOTHING = -1
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def topological(num_states: int, source: Ints, target: Ints) -> tuple[Ints, Ints, Ints]:
    """States in topological order, and arcs grouped by source (Kahn's algorithm).

    Returns:
        order (n,), shorter than the states if there is a cycle; first (S + 1,), arcs (A,).
    """
    first = np.zeros(num_states + 1, np.int64)
    waiting = np.zeros(num_states, np.int64)
    for arc in range(len(source)):
        first[source[arc] + 1] += 1
        waiting[target[arc]] += 1
    first = np.cumsum(first)
    place = first[:-1].copy()
    arcs = np.empty(len(source), np.int64)
    for arc in range(len(source)):
        arcs[place[source[arc]]] = arc
        place[source[arc]] += 1
    order = np.empty(num_states, np.int64)
    end = 0
    for state in range(num_states):
        if waiting[state] == 0:
            order[end] = state
            end += 1
    begin = 0
    while begin < end:
        state = order[begin]
        begin += 1
        for n in range(first[state], first[state + 1]):
            to = target[arcs[n]]
            waiting[to] -= 1
            if waiting[to] == 0:
                order[end] = to
                end += 1
    return order[:end], first, arcs


@njit(cache=True, nogil=True)
def viterbi(
    order: Ints, first: Ints, arcs: Ints, target: Ints, start: Ints, cost: NDArray[np.float64]
) -> tuple[Floats, Ints]:
    """Least costs from the start states under K settings at once.

    Args:
        cost: (A, K) of each arc.
    Returns:
        value (S, K), and the arc by which it is reached (S, K), -1 where there is none.
    """
    num_settings = cost.shape[1]
    value = np.full((len(order), num_settings), np.inf)
    back = np.full((len(order), num_settings), NOTHING, np.int64)
    for state in start:
        value[state] = 0.0
    for state in order:
        for n in range(first[state], first[state + 1]):
            arc = arcs[n]
            to = target[arc]
            for k in range(num_settings):
                total = value[state, k] + cost[arc, k]
                if total < value[to, k]:
                    value[to, k] = total
                    back[to, k] = arc
    return value, back


@njit(cache=True, nogil=True)
def trace(back: Ints, source: Ints, state: int, start: int) -> Ints:
    """Arcs of the way from ``start`` to ``state``; ``back`` is (S,)."""
    length = 0
    at = state
    while at != start:
        at = source[back[at]]
        length += 1
    path = np.empty(length, np.int64)
    at = state
    for n in range(length - 1, -1, -1):
        path[n] = back[at]
        at = source[back[at]]
    return path


@njit(cache=True, nogil=True)
def remaining(
    order: Ints, first: Ints, arcs: Ints, target: Ints, final: Ints, cost: Floats
) -> Floats:
    """Least cost from each state to the end: (S,)."""
    rest = np.full(len(order), np.inf)
    for state in final:
        rest[state] = 0.0
    for n in range(len(order) - 1, -1, -1):
        state = order[n]
        for m in range(first[state], first[state + 1]):
            arc = arcs[m]
            rest[state] = min(rest[state], rest[target[arc]] + cost[arc])
    return rest


@njit(cache=True, nogil=True)
def frames_of(
    order: Ints, first: Ints, arcs: Ints, target: Ints, transition_id: NDArray[np.int32]
) -> Ints:
    """Frame at which each state lies: (S,)."""
    frame = np.zeros(len(order), np.int64)
    for state in order:
        for n in range(first[state], first[state + 1]):
            arc = arcs[n]
            frame[target[arc]] = frame[state] + (transition_id[arc] > 0)
    return frame


@njit(cache=True, nogil=True)
def word_ways(
    order: Ints,
    first: Ints,
    arcs: Ints,
    source: Ints,
    target: Ints,
    words: NDArray[np.int32],
    cost: Floats,
    start: Ints,
    is_final: NDArray[np.bool_],
    forward: Floats,
    rest: Floats,
    limit: Floats,
    owner: Ints,
    room: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Best ways between nodes, each with no word before its last arc.

    Nodes are the start states and the states that a kept word arc leads to; from each, the ways on
    without a word are searched in topological order.

    Args:
        limit: (S,) cost above which a whole path is left out.
        owner: (S,) lattice of each state.
        room: (U,) arcs that the ways of each lattice may have; becomes what is left. Of a lattice
            with less than none not all ways are there.
    Returns:
        origin, last arc (-1: the way ends at the final state); the arcs of all ways, behind one
        another, and how many each has.
    """
    num_states = len(order)
    position = np.empty(num_states, np.int64)
    for n in range(num_states):
        position[order[n]] = n
    is_node = np.zeros(num_states, np.bool_)
    is_node[start] = True
    best = np.full(num_states, np.inf)
    back = np.full(num_states, NOTHING, np.int64)
    origins = [np.int64(0) for _ in range(0)]
    lasts = [np.int64(0) for _ in range(0)]
    lengths = [np.int64(0) for _ in range(0)]
    taken = [np.int64(0) for _ in range(0)]
    for node in order:
        if not is_node[node] or room[owner[node]] < 0:
            continue
        best[node] = 0.0
        back[node] = NOTHING
        heap = [position[node]]
        touched = [node]
        # (target, word, cost, arc) of the ways that end in a word; sorted, the best come first.
        spoken = [(np.int64(0), np.int32(0), 0.0, np.int64(0)) for _ in range(0)]
        end = np.int64(NOTHING)
        while len(heap) > 0:
            state = order[heapq.heappop(heap)]
            if is_final[state]:
                end = state
            for n in range(first[state], first[state + 1]):
                arc = arcs[n]
                to = target[arc]
                total = best[state] + cost[arc]
                if forward[node] + total + rest[to] > limit[to]:
                    continue
                if words[arc] > 0:
                    spoken.append((to, words[arc], total, arc))
                elif total < best[to]:
                    if best[to] == np.inf:
                        heapq.heappush(heap, position[to])
                        touched.append(to)
                    best[to] = total
                    back[to] = arc
        spoken.sort()
        for n in range(len(spoken) + 1):
            if n < len(spoken):
                to, word, _, last = spoken[n]
                if n > 0 and spoken[n - 1][0] == to and spoken[n - 1][1] == word:
                    continue
                is_node[to] = True
                at = source[last]
            elif end != NOTHING:
                last, at = np.int64(NOTHING), end
            else:
                continue
            way = trace(back, source, at, node)
            for arc in way:
                taken.append(arc)
            if last != NOTHING:
                taken.append(last)
            origins.append(node)
            lasts.append(last)
            lengths.append(np.int64(len(way) + (last != NOTHING)))
            room[owner[node]] -= lengths[-1]
            if room[owner[node]] < 0:
                break
        for state in touched:
            best[state] = np.inf
    return np.array(origins), np.array(lasts), np.array(taken), np.array(lengths)
