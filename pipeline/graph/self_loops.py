"""Self-loops of HMM states, added to a graph that was composed without them.

Source: Kaldi's hmm/hmm-utils.cc (AddSelfLoopsReorder) and fstext/fstext-utils-inl.h
(MakePrecedingInputSymbolsSameClass). With reordering, the self-loop of a state stands behind the
transition out of it, so an HMM state's frames read: transition, self-loop, self-loop, …
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.fst import EPSILON, Fst
from pipeline.hmm.transition_model import TransitionModel


def split_by_entering_class(fst: Fst, label_class: NDArray[np.int64]) -> Fst:
    """Equivalent FST where all arcs into a state have labels of one class; the start has class 0.

    ``label_class[ilabel]`` is the class, 0 for epsilon. Where classes meet, the arcs of a class
    other than 0 are led to a new state with an epsilon arc to the old one.
    """
    classes = label_class[fst.ilabel]
    lowest = np.full(fst.num_states, np.iinfo(np.int64).max)
    highest = np.full(fst.num_states, -1)
    np.minimum.at(lowest, fst.nextstate, classes)
    np.maximum.at(highest, fst.nextstate, classes)
    lowest[fst.start] = 0
    mixed = lowest < highest
    moved = np.flatnonzero(mixed[fst.nextstate] & (classes != 0))
    if not len(moved):
        return fst
    pairs = np.stack((fst.nextstate[moved].astype(np.int64), classes[moved]))
    unique, which = np.unique(pairs, axis=1, return_inverse=True)
    added = unique.shape[1]
    nextstate = fst.nextstate.astype(np.int64)
    nextstate[moved] = fst.num_states + which.reshape(-1)
    zeros = np.zeros(added)
    return Fst.from_arcs(
        fst.start,
        np.concatenate((fst.final, np.full(added, np.inf))),
        np.concatenate((fst.source, fst.num_states + np.arange(added))),
        np.concatenate((fst.ilabel, zeros)),
        np.concatenate((fst.olabel, zeros)),
        np.concatenate((fst.cost, zeros)),
        np.concatenate((nextstate, unique[0])),
    )


def add_self_loops(fst: Fst, transitions: TransitionModel, self_loop_scale: float) -> Fst:
    """Add each state's self-loop and the cost of leaving it, scaled by ``self_loop_scale``.

    Args:
        fst: transition-ids without self-loops on the input side, no disambiguation symbols.
    """
    fst = split_by_entering_class(fst, transitions.state_of.astype(np.int64))
    entered = np.zeros(fst.num_states, np.int64)  # transition_state, 0: none
    np.maximum.at(entered, fst.nextstate, transitions.state_of[fst.ilabel].astype(np.int64))
    loop_of = np.array(
        [0, *(transitions.self_loop_of(n) for n in range(1, transitions.num_transition_states + 1))]
    )
    loop = loop_of[entered]  # transition_id, 0: none
    log_stay = transitions.log_prob[loop]
    stay = np.where(loop > 0, np.exp(log_stay), 0.0)
    leave_cost = -self_loop_scale * np.log(np.maximum(1.0 - stay, 1e-10))
    looped = np.flatnonzero(loop > 0)
    return Fst.from_arcs(
        fst.start,
        fst.final + leave_cost,
        np.concatenate((fst.source, looped)),
        np.concatenate((fst.ilabel, loop[looped])),
        np.concatenate((fst.olabel, np.full(len(looped), EPSILON))),
        np.concatenate((fst.cost + leave_cost[fst.source], -self_loop_scale * log_stay[looped])),
        np.concatenate((fst.nextstate, looped)),
    )
