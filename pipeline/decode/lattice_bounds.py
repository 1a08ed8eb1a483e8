"""Word lattices of bounded size, however alike all that could have been said.

A lattice grows with the square of an utterance's length, and its transition-ids with the cube,
where the scores tell nothing apart (noise, a network that has not learnt). Then the beam is
narrowed.
Source: Kaldi's determinize-lattice-pruned, whose --max-mem and --max-arcs do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.best_path import BestPath
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.options import Setting

Found = TypeVar("Found")
Costs = NDArray[np.float64]
Room = NDArray[np.int64]
MAX_WAY_ARCS = 5_000_000  # on all ways of a lattice; 2500 frames of read books have 1.2 million
MIN_BEAM = (
    0.001  # if even this leaves too many ways, which cost the same, the best path alone stays
)
UNBOUNDED = 1 << 62


def within_bounds(
    batch: LatticeBatch,
    lm_weight: float,
    beam: float,
    find: Callable[[Costs, Costs, Room], Found],
    best_paths: Callable[[LatticeBatch, Sequence[Setting]], list[BestPath]],
    max_way_arcs: int,
) -> Found:
    """What ``find`` finds, each utterance's beam halved until its lattice is small enough.

    Args:
        find: (scaled costs of the arcs, beam of each utterance, how many arcs its ways may have) ->
            what is wanted; it takes the arcs that it found from the last, and may stop at less than
            none.
    """
    cost = batch.acoustic.astype(np.float64) / lm_weight + batch.graph
    beams = np.full(len(batch.utterance_ids), beam)
    most = np.full(len(beams), max_way_arcs, np.int64)
    while True:
        room = most.copy()
        found = find(cost, beams, room)
        too_large = room < 0
        if not too_large.any():
            return found
        beams[too_large] /= 2
        alike = too_large & (beams < MIN_BEAM)
        if alike.any():
            paths = best_paths(batch, [Setting(lm_weight, 0.0)])
            chosen = np.concatenate([path.arcs for path in paths])
            owner = np.searchsorted(batch.first_state, batch.source, side="right") - 1
            others = alike[owner]
            others[chosen] = False
            cost[others] = np.inf
            most[alike] = UNBOUNDED
