"""Viterbi alignment of many utterances at once, compiled, with beam and retry.

What a state says of a frame comes from a table, or from mixtures that are evaluated where the
search comes to: within the beam that is a small part of a long transcript.
Source: Rabiner (1989) eq. 33; Kaldi's decoder/training-graph-compiler.h, gmm-align-compiled (beam,
retry beam) and gmm/decodable-am-diag-gmm.h (likelihoods when they are asked for). The beam is in
the scaled scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numba.extending import overload
from numpy.typing import NDArray

NO_ARC = -1
NEGLIGIBLE = np.float32(-16.0)  # exp of it is lost beside 1 in float32


class Table(NamedTuple):
    """Scaled log-likelihoods of every frame of an utterance and every pdf of its graph."""

    values: NDArray[np.float32]  # flat: utterance u is (T_u, K_u) from start[u]
    start: NDArray[np.int64]  # (U,)


class Mixtures(NamedTuple):
    """Diagonal Gaussians; log N(x) = constant + Σ_d x_d (linear_d + square_d x_d)."""

    frames: NDArray[np.float32]  # (sum T, D)
    pdfs: NDArray[np.int32]  # pdf_ids of all graphs: graph g's from pdf_offset[g]
    first: NDArray[np.int64]  # (P + 1,): pdf p owns Gaussians first[p]..first[p + 1]
    constant: NDArray[np.float32]  # (M,)
    projection: NDArray[np.float32]  # (M, 2D): linear, square
    boost: NDArray[np.float32]  # (P,) added to a pdf's log-likelihood
    scale: np.float32  # of the sum


Scores = Table | Mixtures


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _log_mixture(mixtures: Mixtures, frame: int, pdf: int) -> np.float32:
    """Scaled log p(x | pdf), the boost included."""
    x = mixtures.frames[frame]
    dim = x.shape[0]
    top = np.float32(-np.inf)
    total = np.float32(0.0)
    for m in range(mixtures.first[pdf], mixtures.first[pdf + 1]):
        row = mixtures.projection[m]
        value = np.float32(0.0)
        for d in range(dim):
            value += x[d] * (row[d] + row[dim + d] * x[d])
        value += mixtures.constant[m]
        if value > top:  # the sum is kept relative to its largest term
            if total > np.float32(0.0):
                total *= np.exp(top - value)
            total += np.float32(1.0)
            top = value
        elif value - top > NEGLIGIBLE:
            total += np.exp(value - top)
    return mixtures.scale * (top + np.log(total) + mixtures.boost[pdf])


def _score(
    scores: Scores, utterance: int, time: int, frame: int, first_slot: int, slot: int, size: int
) -> np.float32:
    """Score of slot (pdf) ``slot`` of an utterance's graph, which has ``size`` of them."""
    raise NotImplementedError  # called by compiled code alone, for which `_score_compiled` stands


@overload(_score, inline="always", strict=False)
def _score_compiled(
    scores: Any, utterance: Any, time: Any, frame: Any, first_slot: Any, slot: Any, size: Any
) -> Callable[..., Any]:
    if scores.instance_class is Table:
        return lambda scores, utterance, time, frame, first_slot, slot, size: scores.values[
            scores.start[utterance] + time * size + slot
        ]
    return lambda scores, utterance, time, frame, first_slot, slot, size: _log_mixture(
        scores, frame, scores.pdfs[first_slot + slot]
    )


@njit(cache=True, nogil=True, boundscheck=False)
def _align_one(
    scores: Scores,
    utterance: int,
    first_frame: int,
    first_slot: int,
    num_slots: int,  # K, pdfs of the graph
    node_pdf: NDArray[np.int32],  # (nodes,) slots
    initial: NDArray[np.float32],
    first_arc: NDArray[np.int32],
    arc_source: NDArray[np.int32],
    arc_score: NDArray[np.float32],  # (arcs,) graph and scaled transition log-probability
    arc_transition: NDArray[np.int32],
    beam: np.float32,
    back: NDArray[np.int32],  # (T, nodes) scratch: the arc by which a node was entered
    result: NDArray[np.int32],  # (T,) transition_ids
) -> np.float32:
    """Best path; returns its score, or -inf if the beam lost every path to the exit."""
    num_frames = result.shape[0]
    num_nodes = node_pdf.shape[0]
    minus = np.float32(-np.inf)
    now = np.full(num_nodes, minus, np.float32)
    new = np.full(num_nodes, minus, np.float32)
    # Reach of every node: arcs from it end in [lowest, highest].
    lowest = np.full(num_nodes, num_nodes, np.int32)
    highest = np.full(num_nodes, -1, np.int32)
    for node in range(num_nodes):
        for arc in range(first_arc[node], first_arc[node + 1]):
            source = arc_source[arc]
            lowest[source] = min(lowest[source], node)
            highest[source] = max(highest[source], node)
    # A pdf may be that of several nodes: its score is kept for the frame of which it is.
    score_of = np.empty(num_slots, np.float32)
    time_of = np.full(num_slots, -1, np.int32)
    best = minus
    low, high = num_nodes, -1
    for node in range(num_nodes):
        if initial[node] > minus:
            slot = node_pdf[node]
            if time_of[slot] != 0:
                time_of[slot] = 0
                score_of[slot] = _score(
                    scores, utterance, 0, first_frame, first_slot, slot, num_slots
                )
            now[node] = initial[node] + score_of[slot]
            best = max(best, now[node])
            low = min(low, node)
            high = max(high, node)
    for t in range(1, num_frames):
        cut = best - beam
        new_low, new_high = num_nodes, -1
        for node in range(low, high + 1):
            if now[node] >= cut:
                new_low = min(new_low, lowest[node])
                new_high = max(new_high, highest[node])
            else:
                now[node] = minus
        best = minus
        for node in range(new_low, new_high + 1):
            top = minus
            top_arc = NO_ARC
            for arc in range(first_arc[node], first_arc[node + 1]):
                score = now[arc_source[arc]] + arc_score[arc]
                if score > top:
                    top = score
                    top_arc = arc
            back[t, node] = top_arc
            if top > minus:
                slot = node_pdf[node]
                if time_of[slot] != t:
                    time_of[slot] = t
                    score_of[slot] = _score(
                        scores, utterance, t, first_frame + t, first_slot, slot, num_slots
                    )
                top += score_of[slot]
                best = max(best, top)
            new[node] = top
        for node in range(low, high + 1):
            now[node] = minus
        now, new = new, now
        low, high = new_low, new_high
        if best == minus:
            return minus
    top = minus
    top_arc = NO_ARC
    for arc in range(first_arc[num_nodes], first_arc[num_nodes + 1]):
        score = now[arc_source[arc]] + arc_score[arc]
        if score > top:
            top = score
            top_arc = arc
    if top_arc == NO_ARC:
        return minus
    arc = top_arc
    for t in range(num_frames - 1, -1, -1):
        result[t] = arc_transition[arc]
        if t > 0:
            arc = back[t, arc_source[arc]]
    return top


@njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def align_utterances(
    scores: Scores,
    chosen: NDArray[np.int64],  # (N,) utterances to align
    frame_offset: NDArray[np.int64],  # (U + 1,), into result
    graph_of: NDArray[np.int32],  # (U,)
    pdf_offset: NDArray[np.int64],  # (G + 1,): K of graph g is pdf_offset[g + 1] - pdf_offset[g]
    node_offset: NDArray[np.int64],  # (G + 1,)
    node_pdf: NDArray[np.int32],
    initial: NDArray[np.float32],
    first_arc: NDArray[np.int32],  # graph g: from node_offset[g] + 2 g, nodes + 2 entries
    arc_offset: NDArray[np.int64],  # (G + 1,)
    arc_source: NDArray[np.int32],
    arc_score: NDArray[np.float32],
    arc_transition: NDArray[np.int32],
    beam: np.float32,
    retry_beam: np.float32,
    result: NDArray[np.int32],  # (frames,) zeros: those of an utterance without a path stay so
    score: NDArray[np.float32],  # (U,): -inf where no path was found
    retried: NDArray[np.bool_],  # (U,)
) -> None:
    """Align each utterance to its graph, with ``beam``, and ``retry_beam`` where that fails."""
    for n in prange(chosen.shape[0]):
        u = chosen[n]
        g = graph_of[u]
        num_frames = frame_offset[u + 1] - frame_offset[u]
        nodes = slice(node_offset[g], node_offset[g + 1])
        arcs = slice(arc_offset[g], arc_offset[g + 1])
        firsts = first_arc[node_offset[g] + 2 * g : node_offset[g + 1] + 2 * (g + 1)]
        back = np.empty((num_frames, node_offset[g + 1] - node_offset[g]), np.int32)
        for attempt in range(2):
            score[u] = _align_one(
                scores,
                u,
                frame_offset[u],
                pdf_offset[g],
                pdf_offset[g + 1] - pdf_offset[g],
                node_pdf[nodes],
                initial[nodes],
                firsts,
                arc_source[arcs],
                arc_score[arcs],
                arc_transition[arcs],
                beam if attempt == 0 else retry_beam,
                back,
                result[frame_offset[u] : frame_offset[u + 1]],
            )
            if score[u] > -np.inf:
                break
            retried[u] = True
