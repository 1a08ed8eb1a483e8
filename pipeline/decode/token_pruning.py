"""What a search of ``token_passing`` has found: its best path so far, and its lattice.

Source: Kaldi's decoder/lattice-faster-decoder.cc (pruning backwards by extra cost). Tokens are
(state, cost) columns, links are (from token, to token, graph arc, cost) columns in topological
order, so pruning is one pass backwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

NOTHING = -1
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def prune(  # type: ignore[no-untyped-def]
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
def end_costs(search, final: NDArray[np.float32]) -> tuple[Floats, Floats]:  # type: ignore[no-untyped-def]
    """Costs of the last frame's tokens, (n,), and with those of their states' ends, (n,)."""
    tokens, _, _, _, _, _, (num_tokens, _, first, _) = search
    without = tokens[1][first:num_tokens].copy()
    return without, without + final[tokens[0][first:num_tokens]]


@njit(cache=True, nogil=True)
def best_arcs(search, end: int) -> NDArray[np.int32]:  # type: ignore[no-untyped-def]
    """Graph arcs of the best path to a token, from the start on.

    Links lie in topological order, and the cost of a token is exactly that of its best link.
    """
    (_, cost), (source, target, by, price), _, _, _, _, (_, num_links, _, _) = search
    found = np.empty(num_links, np.int32)
    place = num_links
    token = end
    for link in range(num_links - 1, -1, -1):
        if target[link] == token and cost[source[link]] + price[link] == cost[token]:
            token = source[link]
            place -= 1
            found[place] = by[link]
    return found[place:].copy()


@njit(cache=True, nogil=True)
def finish(search, final: NDArray[np.float32], lattice_beam: float):  # type: ignore[no-untyped-def]
    """The lattice; the search is used up.

    Returns:
        state, frame (tokens,), source, target, graph arc (links,) of the lattice, its tokens from
        the start on in the order of frames; which of them are of the last frame; whether one of
        these is final. Without a path to the last frame, nothing.
    """
    tokens, links, frame_of, _, _, _, (num_tokens, num_links, first, _) = search
    if first == num_tokens:
        none = tokens[0][:0]
        return none, none, none, none, none, np.int32(0), False
    without, ends = end_costs(search, final)
    reached = bool(ends.min() < np.inf)
    if not reached:
        ends = without
    ends -= ends.min()
    num_tokens, num_links, new = prune(
        tokens, links, num_tokens, num_links, frame_of, ends, first, lattice_beam
    )
    while first < len(new) and new[first] == NOTHING:
        first += 1
    states, frames = tokens[0][:num_tokens], frame_of[:num_tokens]
    source, target, by = links[0][:num_links], links[1][:num_links], links[2][:num_links]
    return states, frames, source, target, by, new[first], reached
