"""Viterbi alignment of many utterances at once, compiled, with beam and retry.

Source: Rabiner (1989) eq. 33; Kaldi's decoder/training-graph-compiler.h and
gmm-align-compiled (beam, retry beam). The beam is in the scaled scores.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

NO_ARC = -1


@njit(cache=True, nogil=True, boundscheck=False)
def _align_one(
    log_likes: NDArray[np.float32],  # (T, K), already scaled
    node_pdf: NDArray[np.int32],
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
    num_frames = log_likes.shape[0]
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
    best = minus
    low, high = num_nodes, -1
    for node in range(num_nodes):
        if initial[node] > minus:
            now[node] = initial[node] + log_likes[0, node_pdf[node]]
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
                top += log_likes[t, node_pdf[node]]
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
    log_likes: NDArray[np.float32],  # flat: utterance u is (T_u, K_u) from like_offset[u]
    like_offset: NDArray[np.int64],  # (U + 1,)
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
    result: NDArray[np.int32],  # (frames,)
    score: NDArray[np.float32],  # (U,): -inf where no path was found
    retried: NDArray[np.bool_],  # (U,)
) -> None:
    """Align each utterance to its graph, with ``beam``, and ``retry_beam`` where that fails."""
    for u in prange(graph_of.shape[0]):
        g = graph_of[u]
        num_frames = frame_offset[u + 1] - frame_offset[u]
        num_pdfs = pdf_offset[g + 1] - pdf_offset[g]
        likes = log_likes[like_offset[u] : like_offset[u + 1]].reshape(num_frames, num_pdfs)
        nodes = slice(node_offset[g], node_offset[g + 1])
        arcs = slice(arc_offset[g], arc_offset[g + 1])
        firsts = first_arc[node_offset[g] + 2 * g : node_offset[g + 1] + 2 * (g + 1)]
        back = np.empty((num_frames, node_offset[g + 1] - node_offset[g]), np.int32)
        out = result[frame_offset[u] : frame_offset[u + 1]]
        for attempt in range(2):
            score[u] = _align_one(
                likes,
                node_pdf[nodes],
                initial[nodes],
                firsts,
                arc_source[arcs],
                arc_score[arcs],
                arc_transition[arcs],
                beam if attempt == 0 else retry_beam,
                back,
                out,
            )
            if score[u] > -np.inf:
                break
            retried[u] = True


def equal_alignment(
    num_frames: int,
    initial: NDArray[np.float32],
    first_arc: NDArray[np.int32],
    arc_source: NDArray[np.int32],
    arc_transition: NDArray[np.int32],
    is_self_loop: NDArray[np.bool_],
    rng: np.random.Generator,
    is_silence: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32] | None:
    """Spread the frames evenly over a random path, as Kaldi's align-equal-compiled.

    A path through distinct nodes is drawn backwards from the exit; each of its nodes gets an equal
    share of the frames by its self-loop.

    Args:
        is_silence: by transition_id; where given, every optional silence is passed through.
    Returns:
        (T,) transition_ids, or None if the utterance is shorter than the path.
    """
    num_nodes = len(initial)
    # Plain lists: the graphs are small, and numpy is slow on single elements.
    firsts, sources, ids = first_arc.tolist(), arc_source.tolist(), arc_transition.tolist()
    loops = is_self_loop[arc_transition].tolist()
    startable = np.isfinite(initial).tolist()
    silent = None if is_silence is None else is_silence[arc_transition].tolist()
    for _ in range(20):  # another draw may leave out the silences
        path: list[int] = []  # arcs, from the exit backwards
        node = num_nodes
        while True:
            arcs = [
                arc
                for arc in range(firsts[node], firsts[node + 1])
                if not loops[arc] and sources[arc] < node
            ]
            may_start = node < num_nodes and startable[node]
            if silent is not None and any(silent[arc] for arc in arcs):
                arcs = [arc for arc in arcs if silent[arc]]
                may_start = False  # the silence before it comes first
            choices = len(arcs) + int(may_start)
            choice = int(rng.integers(choices)) if choices > 1 else 0
            if choice == len(arcs):
                break
            path.append(arcs[choice])
            node = sources[arcs[choice]]
        path.reverse()
        if len(path) <= num_frames:
            bounds = np.linspace(0, num_frames, len(path) + 1).astype(int).tolist()
            out = []
            for n, arc in enumerate(path):
                span = range(firsts[sources[arc]], firsts[sources[arc] + 1])
                again = [ids[a] for a in span if loops[a]]
                out += again * (bounds[n + 1] - bounds[n] - 1) + [ids[arc]]
            return np.array(out, np.int32)
    return None
