"""Token passing over a graph with beam and lattice, compiled: the kernels of ``native_search``.

Source: Kaldi's decoder/lattice-faster-decoder.cc (cutoffs, links, pruning backwards by extra cost).
Epsilon arcs are taken in the order of the rank of their source, so that each is taken once, and
links lie in topological order; so pruning is one pass backwards. Costs are scaled, in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.decode.lattice_kernels import topological

PRUNE_INTERVAL = 25  # frames between prunings of what cannot come into the lattice
BEAM_DELTA = 0.5  # added to a beam that max_active made narrower
NOTHING = -1
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
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
def _prune(  # type: ignore[no-untyped-def]
    tokens, links, num_tokens, num_links, frame_of, extra_of_last, first_of_last, beam
):
    """Drop links on no path within ``beam`` of the best one, and the tokens that then stand alone.

    Args:
        frame_of: (tokens,) frame of each.
        extra_of_last: extra cost of the tokens from ``first_of_last`` on.
    """
    state, cost = tokens
    source, target, by, price = links
    extra = np.full(num_tokens, np.inf)
    extra[first_of_last:] = extra_of_last
    keep = np.zeros(num_links, np.bool_)
    for link in range(num_links - 1, -1, -1):
        start, end = source[link], target[link]
        more = extra[end] + (cost[start] + price[link] - cost[end])
        if more <= beam:
            keep[link] = True
            extra[start] = min(extra[start], more)
    new = np.full(num_tokens, NOTHING, np.int32)
    count = 0
    for token in range(num_tokens):
        if extra[token] <= beam:
            new[token] = count
            state[count], cost[count] = state[token], cost[token]
            frame_of[count] = frame_of[token]
            count += 1
    num_kept = 0
    for link in range(num_links):
        if keep[link]:
            source[num_kept], target[num_kept] = new[source[link]], new[target[link]]
            by[num_kept], price[num_kept] = by[link], price[link]
            num_kept += 1
    return count, num_kept, new


@njit(cache=True, nogil=True)
def search(  # type: ignore[no-untyped-def]
    costs: NDArray[np.float32],  # (T, P) -log-likelihoods, scaled
    start: int,
    final: NDArray[np.float32],  # (S,)
    loud: Arcs,
    silent: Arcs,
    rank: NDArray[np.int32],
    slot: NDArray[np.int32],  # (S,) scratch, all -1, and so it is left
    beam: float,
    lattice_beam: float,
    max_active: int,
    min_active: int,
):
    """One utterance.

    Returns:
        state, frame (tokens,), source, target, graph arc (links,) of the lattice, its tokens from
        the start on in the order of frames; which of them are of the last frame; whether one of
        these is final. Without a path to the last frame, nothing.
    """
    tokens = (np.empty(4096, np.int32), np.empty(4096, np.float64))
    by = np.empty(8192, np.int32)
    links = (np.empty_like(by), np.empty_like(by), by, np.empty(8192, np.float64))
    frame_of = np.empty(4096, np.int32)
    waiting = np.full(rank.max() + 2, NOTHING, np.int32)
    following = np.empty(4096, np.int32)
    tokens[0][0], tokens[1][0], slot[start] = start, 0.0, 0
    num_tokens, num_links, begin = 1, 0, 0
    cutoff = beam
    num_frames = len(costs)
    for frame in range(num_frames + 1):
        if frame > 0:
            here = tokens[1][begin:num_tokens]
            cutoff, next_beam = _cutoff(here, beam, max_active, min_active)
            old_end = num_tokens
            row = costs[frame - 1]
            tokens, links, num_tokens, num_links, cutoff = _advance(
                tokens, links, num_tokens, num_links, begin, cutoff, next_beam, row, slot, loud
            )
            begin = old_end
            if begin == num_tokens:
                none = tokens[0][:0]
                return none, none, none, none, none, np.int32(0), False
        sizes = num_tokens, num_links, begin
        tokens, links, num_tokens, num_links, following = _close(
            tokens, links, sizes, cutoff, slot, silent, rank, waiting, following
        )
        frame_of = _grown(frame_of, num_tokens)
        frame_of[begin:num_tokens] = frame
        for token in range(begin, num_tokens):
            slot[tokens[0][token]] = NOTHING
        if frame % PRUNE_INTERVAL == 0 and frame < num_frames:
            size = num_tokens - begin
            zeros = np.zeros(size)
            num_tokens, num_links, _ = _prune(
                tokens, links, num_tokens, num_links, frame_of, zeros, begin, lattice_beam
            )
            begin = num_tokens - size
    ends = np.empty(num_tokens - begin)
    for token in range(begin, num_tokens):
        ends[token - begin] = tokens[1][token] + final[tokens[0][token]]
    reached = bool(ends.min() < np.inf)
    if not reached:
        ends[:] = tokens[1][begin:num_tokens]
    ends -= ends.min()
    num_tokens, num_links, new = _prune(
        tokens, links, num_tokens, num_links, frame_of, ends, begin, lattice_beam
    )
    while begin < len(new) and new[begin] == NOTHING:
        begin += 1
    states, frames = tokens[0][:num_tokens], frame_of[:num_tokens]
    source, target, by = links[0][:num_links], links[1][:num_links], links[2][:num_links]
    return states, frames, source, target, by, new[begin], reached
