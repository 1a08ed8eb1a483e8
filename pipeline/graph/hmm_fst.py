"""H: transition-ids in, phones in context out, without self-loops.

Source: Kaldi's hmm/hmm-utils.cc (GetHTransducer, GetHmmAsFsa).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.graph.fst import EPSILON, Fst, from_tuples
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError


@dataclass(frozen=True)
class HTransducer:
    """H, and the input labels above all transition-ids that stand for disambiguation symbols."""

    fst: Fst
    disambiguation: list[int]


def h_transducer(hmm: Hmm, windows: list[list[int]], transition_scale: float) -> HTransducer:
    """Make H for the context windows that C's input side uses.

    ``windows[i]`` says what label i of C means: [] epsilon, [-n] or [0] a disambiguation symbol,
    else a window of phone ids with 0 at an edge. Costs are those of transitions with self-loops
    left out and the rest renormalised, times ``transition_scale``. Windows whose states have the
    same transition-ids share them.

    Raises:
        UserError: a window holds a phone that the model does not have.
    """
    log_probs = hmm.transitions.scaled_log_probs(transition_scale, 0.0).tolist()
    phones = set(hmm.topology.phone_ids)
    loop = 0
    arcs: list[tuple[int, int, int, float, int]] = []
    next_state = 1
    next_label = hmm.transitions.num_transition_ids + 1
    disambiguation: list[int] = []
    entries: dict[tuple[int, ...], int] = {}
    for label, window in enumerate(windows):
        if not window:
            continue
        if len(window) == 1 and window[0] <= 0:
            disambiguation.append(next_label)
            arcs.append((loop, next_label, label, 0.0, loop))
            next_label += 1
            continue
        phone = window[hmm.tree.central_position]
        if phone not in phones:
            raise UserError(f"model: it has no phone {phone} of the lang; train it with this lang")
        states = hmm.topology.states(phone)
        pdfs = [hmm.tree.pdf_id(tuple(window), state.pdf_class) for state in states]
        numbers = [hmm.transitions.transition_state(phone, s, pdf) for s, pdf in enumerate(pdfs)]
        key = tuple(numbers)
        if key not in entries:
            first, next_state = next_state, next_state + len(states)
            entries[key] = first
            for s, state in enumerate(states):
                for index, (destination, _) in enumerate(state.transitions):
                    if destination == s:
                        continue
                    transition_id = hmm.transitions.transition_id(numbers[s], index)
                    where = loop if destination == len(states) else first + destination
                    cost = -log_probs[transition_id]
                    arcs.append((first + s, transition_id, EPSILON, cost, where))
        arcs.append((loop, EPSILON, label, 0.0, entries[key]))
    return HTransducer(from_tuples(arcs, {loop: 0.0}, loop), disambiguation)
