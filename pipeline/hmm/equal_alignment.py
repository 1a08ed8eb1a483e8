"""The alignment that training starts with: frames spread evenly over a random path.

Source: Kaldi's align-equal-compiled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    """Spread the frames evenly over a random path, each node of it the same.

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
