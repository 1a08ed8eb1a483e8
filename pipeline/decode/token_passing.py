"""Token passing over a graph with beam and lattice, compiled: the kernels of ``native_search``.

A search is begun, advanced by any number of frames at a time, and finished; the division into parts
changes nothing.

Source: Kaldi's decoder/lattice-faster-decoder.cc (cutoffs, links, pruning backwards by extra cost).
Epsilon arcs are taken in the order of the rank of their source, so that each is taken once, and
links lie in topological order; so pruning is one pass backwards. Costs are scaled, in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.decode.lattice_kernels import topological
from pipeline.decode.token_pruning import NOTHING, Floats, prune

PRUNE_INTERVAL = 25  # frames between prunings of what cannot come into the lattice
BEAM_DELTA = 0.5  # added to a beam that max_active made narrower
Ints = NDArray[np.int64]
# Tokens are (state, cost) columns, links are (from token, to token, graph arc, cost) columns.
Arcs = tuple[  # arcs of one kind, grouped by source
    Ints,  # (S + 1,) first
    NDArray[np.int32],  # (A,) nextstate
    NDArray[np.int32],  # (A,) pdf-id, -1 of an epsilon
    NDArray[np.float32],  # (A,) cost
    NDArray[np.int32],  # (A,) number of the arc in the graph
]


@njit(cache=True, nogil=True)
def epsilon_ranks(num_states: int, source: Ints, target: Ints) -> NDArray[np.int32]:
    """Most epsilon arcs on a way into each state: (S,); all -1 if there is a cycle."""
    rank = np.zeros(num_states, np.int32)
    order, first, arcs = topological(num_states, source, target)
    if len(order) < num_states:
        rank[:] = NOTHING
        return rank
    for state in order:
        for n in range(first[state], first[state + 1]):
            to = target[arcs[n]]
            rank[to] = max(rank[to], rank[state] + 1)
    return rank


@njit(cache=True, nogil=True)
def _grown(array, needed):  # type: ignore[no-untyped-def]  # of any type
    """The array, or a copy of at least twice its length if it is shorter than needed."""
    if needed <= len(array):
        return array
    longer = np.empty(max(needed, 2 * len(array)), array.dtype)
    longer[: len(array)] = array
    return longer


@njit(cache=True, nogil=True)
def _cutoff(cost: Floats, beam: float, max_active: int, min_active: int) -> tuple[float, float]:
    """Cost above which a frame's tokens go no further, and the beam of the next frame's."""
    best = cost.min()
    within = best + beam
    if len(cost) > max_active:
        at_most = np.partition(cost, max_active - 1)[max_active - 1]
        if at_most < within:
            return at_most, at_most - best + BEAM_DELTA
    if len(cost) > min_active:
        at_least = np.partition(cost, min_active - 1)[min_active - 1]
        if at_least > within:
            return at_least, at_least - best + BEAM_DELTA
        return within, beam
    return np.inf, beam


@njit(cache=True, nogil=True)
def _close(  # type: ignore[no-untyped-def]
    tokens, links, sizes, cutoff, slot, silent, rank, waiting, following
):
    """Take the epsilon arcs of the tokens from ``begin`` on, rank by rank."""
    num_tokens, num_links, begin = sizes
    state, cost = tokens
    source, target, by, price = links
    first, nextstate, _, arc_cost, number = silent
    top = NOTHING
    for token in range(begin, num_tokens):
        s = state[token]
        if first[s + 1] > first[s]:
            following = _grown(following, token - begin + 1)
            following[token - begin] = waiting[rank[s]]
            waiting[rank[s]] = token
            top = max(top, rank[s])
    level = 0
    while level <= top:
        token = waiting[level]
        waiting[level] = NOTHING
        while token != NOTHING:
            after = following[token - begin]
            s = state[token]
            if cost[token] <= cutoff:
                for arc in range(first[s], first[s + 1]):
                    total = cost[token] + arc_cost[arc]
                    if total > cutoff:
                        continue
                    to = nextstate[arc]
                    if slot[to] == NOTHING:
                        if num_tokens == len(state):
                            state = _grown(state, num_tokens + 1)
                            cost = _grown(cost, num_tokens + 1)
                        slot[to] = num_tokens
                        state[num_tokens], cost[num_tokens] = to, total
                        if first[to + 1] > first[to]:
                            following = _grown(following, num_tokens - begin + 1)
                            following[num_tokens - begin] = waiting[rank[to]]
                            waiting[rank[to]] = num_tokens
                            top = max(top, rank[to])
                        num_tokens += 1
                    elif total < cost[slot[to]]:
                        cost[slot[to]] = total
                    if num_links == len(source):
                        source, target = (
                            _grown(source, num_links + 1),
                            _grown(target, num_links + 1),
                        )
                        by, price = _grown(by, num_links + 1), _grown(price, num_links + 1)
                    source[num_links], target[num_links] = token, slot[to]
                    by[num_links], price[num_links] = number[arc], arc_cost[arc]
                    num_links += 1
            token = after
        level += 1
    return (state, cost), (source, target, by, price), num_tokens, num_links, following


@njit(cache=True, nogil=True)
def _advance(  # type: ignore[no-untyped-def]
    tokens, links, num_tokens, num_links, begin, cutoff, beam, frame_cost, slot, loud
):
    """Take the arcs that use up a frame, of the tokens from ``begin`` on."""
    state, cost = tokens
    source, target, by, price = links
    first, nextstate, pdf, arc_cost, number = loud
    end = num_tokens
    # The arcs of the best token tell early what the next frame's cutoff will be at most.
    next_cutoff = np.inf
    best = begin + np.argmin(cost[begin:end])
    for arc in range(first[state[best]], first[state[best] + 1]):
        next_cutoff = min(next_cutoff, cost[best] + arc_cost[arc] + frame_cost[pdf[arc]] + beam)
    for token in range(begin, end):
        if cost[token] > cutoff:
            continue
        s = state[token]
        for arc in range(first[s], first[s + 1]):
            paid = arc_cost[arc] + frame_cost[pdf[arc]]
            total = cost[token] + paid
            if total > next_cutoff:
                continue
            next_cutoff = min(next_cutoff, total + beam)
            to = nextstate[arc]
            if slot[to] == NOTHING:
                if num_tokens == len(state):
                    state, cost = _grown(state, num_tokens + 1), _grown(cost, num_tokens + 1)
                slot[to] = num_tokens
                state[num_tokens], cost[num_tokens] = to, total
                num_tokens += 1
            elif total < cost[slot[to]]:
                cost[slot[to]] = total
            if num_links == len(source):
                source, target = _grown(source, num_links + 1), _grown(target, num_links + 1)
                by, price = _grown(by, num_links + 1), _grown(price, num_links + 1)
            source[num_links], target[num_links] = token, slot[to]
            by[num_links], price[num_links] = number[arc], paid
            num_links += 1
    return (state, cost), (source, target, by, price), num_tokens, num_links, next_cutoff


@njit(cache=True, nogil=True)
def begin(start: int, silent: Arcs, rank: NDArray[np.int32], num_ranks: int, beam: float):  # type: ignore[no-untyped-def]
    """The state of a search before the first frame, for ``advance``.

    Returns:
        tokens, links, frame_of (the frame of each token), slot (of each state, its token in the
        frame at hand), waiting and following (scratch); sizes: tokens, links, the first token of
        the last frame, frames.
    """
    tokens = (np.empty(4096, np.int32), np.empty(4096, np.float64))
    by = np.empty(8192, np.int32)
    links = (np.empty_like(by), np.empty_like(by), by, np.empty(8192, np.float64))
    slot = np.full(len(rank), NOTHING, np.int32)
    waiting = np.full(num_ranks + 1, NOTHING, np.int32)
    tokens[0][0], tokens[1][0], slot[start] = start, 0.0, 0
    tokens, links, num_tokens, num_links, following = _close(
        tokens, links, (1, 0, 0), beam, slot, silent, rank, waiting, np.empty(4096, np.int32)
    )
    frame_of = np.zeros(max(4096, num_tokens), np.int32)
    for token in range(num_tokens):
        slot[tokens[0][token]] = NOTHING
    sizes = np.int64(num_tokens), np.int64(num_links), np.int64(0), np.int64(0)
    return tokens, links, frame_of, slot, waiting, following, sizes


@njit(cache=True, nogil=True)
def advance(  # type: ignore[no-untyped-def]
    search,  # as ``begin`` or ``advance`` gave it; used up
    costs: NDArray[np.float32],  # (T, P) -log-likelihoods, scaled
    loud: Arcs,
    silent: Arcs,
    rank: NDArray[np.int32],
    beam: float,
    lattice_beam: float,
    max_active: int,
    min_active: int,
):
    """The state of the search after further frames; without tokens if no path lives on."""
    tokens, links, frame_of, slot, waiting, following, sizes = search
    num_tokens, num_links, first, frame = sizes
    for row in costs:
        if first == num_tokens:
            break
        frame += 1
        here = tokens[1][first:num_tokens]
        cutoff, next_beam = _cutoff(here, beam, max_active, min_active)
        old_end = num_tokens
        tokens, links, num_tokens, num_links, cutoff = _advance(
            tokens, links, num_tokens, num_links, first, cutoff, next_beam, row, slot, loud
        )
        first = old_end
        if first == num_tokens:
            num_tokens = num_links = first = 0
            break
        tokens, links, num_tokens, num_links, following = _close(
            *(tokens, links, (num_tokens, num_links, first), cutoff, slot, silent),
            *(rank, waiting, following),
        )
        frame_of = _grown(frame_of, num_tokens)
        frame_of[first:num_tokens] = frame
        for token in range(first, num_tokens):
            slot[tokens[0][token]] = NOTHING
        if frame % PRUNE_INTERVAL == 0:
            size = num_tokens - first
            zeros = np.zeros(size)
            num_tokens, num_links, _ = prune(
                tokens, links, num_tokens, num_links, frame_of, zeros, first, lattice_beam
            )
            first = num_tokens - size
    sizes = np.int64(num_tokens), np.int64(num_links), np.int64(first), np.int64(frame)
    return tokens, links, frame_of, slot, waiting, following, sizes
