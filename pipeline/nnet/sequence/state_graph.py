"""Phone acceptor -> graph of HMM states in context, each of which emits one frame.

It plays the part of composing with C and H (Kaldi's chain/chain-den-graph.cc): a unit is an arc of
the acceptor with the phones before and after it, and its HMM states are consecutive.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.nnet.sequence.phone_graph import EDGE, PhoneGraph

Unit = tuple[int, int, int]  # arc of the acceptor, phone before, phone after (0 without context)


@dataclass(frozen=True)
class StateGraph:
    """S states and A arcs; an arc's weight is p(destination | source) to the power of its scales.

    Attributes:
        pdf: (S,) int64 pdf_id of each state.
        log_initial: (S,) log-probability of starting there, -inf where that is impossible.
        log_final: (S,) log-probability of ending there.
        source, destination: (A,) int64, sorted by destination, each pair at most once.
        log_weight: (A,).
    """

    pdf: NDArray[np.int64]
    log_initial: NDArray[np.float64]
    log_final: NDArray[np.float64]
    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    log_weight: NDArray[np.float64]

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.pdf)

    @cached_property
    def by_source(self) -> NDArray[np.int64]:
        """(A,) places of the arcs in the order of their sources."""
        return np.lexsort((self.destination, self.source))


def expand(graph: PhoneGraph, hmm: Hmm, log_probs: NDArray[np.float64]) -> StateGraph:
    """Give each phone its HMM states.

    Args:
        graph: phones and their log-probabilities.
        hmm: topology, tree and transition_ids.
        log_probs: (transition_ids + 1,) scaled log-probability of each transition_id.
    """
    contextual = hmm.tree.context_width == 3
    leaving: dict[int, list[int]] = defaultdict(list)
    for number, (source, _, _, _) in enumerate(graph.arcs):
        leaving[source].append(number)

    def phone(arc: int) -> int:
        return graph.arcs[arc][2]

    def rights(arc: int) -> list[int]:
        """Phones that may follow an arc."""
        if not contextual:
            return [EDGE]
        state = graph.arcs[arc][1]
        following = {phone(other) for other in leaving[state]}
        return sorted(following | ({EDGE} if state in graph.final else set()))

    first_state: dict[Unit, int] = {}
    pending: list[Unit] = []
    pdf: list[int] = []
    weights: dict[tuple[int, int], float] = {}  # (destination, source) -> log-weight
    initial: dict[int, float] = {}
    final: dict[int, float] = {}

    def enter(unit: Unit) -> int:
        """First HMM state of a unit, which is made when it is first reached."""
        if unit not in first_state:
            first_state[unit] = len(pdf)
            pdf.extend(_pdfs(hmm, _window(unit)))
            pending.append(unit)
        return first_state[unit]

    def window_phone(unit: Unit) -> int:
        return phone(unit[0]) if contextual else EDGE

    def _window(unit: Unit) -> tuple[int, ...]:
        arc, left, right = unit
        return (left, phone(arc), right) if contextual else (phone(arc),)

    def add(destination: int, source: int, log_weight: float) -> None:
        key = destination, source
        weights[key] = float(np.logaddexp(weights.get(key, -np.inf), log_weight))

    for arc in leaving[0]:
        for right in rights(arc):
            initial[enter((arc, EDGE, right))] = graph.arcs[arc][3]
    while pending:
        unit = pending.pop()
        arc, _, right = unit
        start, end_state = first_state[unit], graph.arcs[arc][1]
        for hmm_state, destination, transition_id in _transitions(hmm, _window(unit)):
            source = start + hmm_state
            log_prob = float(log_probs[transition_id])
            if destination is not None:
                add(start + destination, source, log_prob)
                continue
            for other in leaving[end_state]:
                if contextual and phone(other) != right:
                    continue
                for after in rights(other):
                    following = (other, window_phone(unit), after)
                    add(enter(following), source, log_prob + graph.arcs[other][3])
            if end_state in graph.final and (right == EDGE or not contextual):
                final[source] = log_prob + graph.final[end_state]
    return _to_arrays(pdf, initial, final, weights)


def _pdfs(hmm: Hmm, window: tuple[int, ...]) -> list[int]:
    phone = window[len(window) // 2]
    return [hmm.tree.pdf_id(window, s.pdf_class) for s in hmm.topology.states(phone)]


def _transitions(hmm: Hmm, window: tuple[int, ...]) -> list[tuple[int, int | None, int]]:
    """(HMM state, next HMM state or None where the phone ends, transition_id) of a phone."""
    phone = window[len(window) // 2]
    states = hmm.topology.states(phone)
    found: list[tuple[int, int | None, int]] = []
    for hmm_state, pdf in enumerate(_pdfs(hmm, window)):
        number = hmm.transitions.transition_state(phone, hmm_state, pdf)
        for index, (destination, _) in enumerate(states[hmm_state].transitions):
            transition_id = hmm.transitions.transition_id(number, index)
            after = None if destination == len(states) else destination
            found.append((hmm_state, after, transition_id))
    return found


def _to_arrays(
    pdf: list[int],
    initial: dict[int, float],
    final: dict[int, float],
    weights: dict[tuple[int, int], float],
) -> StateGraph:
    log_initial, log_final = np.full((2, len(pdf)), -np.inf)
    log_initial[list(initial)] = list(initial.values())
    log_final[list(final)] = list(final.values())
    pairs = np.array(sorted(weights), np.int64).reshape(-1, 2)
    return StateGraph(
        pdf=np.array(pdf, np.int64),
        log_initial=log_initial,
        log_final=log_final,
        source=pairs[:, 1],
        destination=pairs[:, 0],
        log_weight=np.array([weights[key] for key in sorted(weights)]),
    )
