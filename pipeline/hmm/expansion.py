"""Phones of a transcript in their contexts, turned into HMM states and the arcs between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm


class PhoneGraph(NamedTuple):
    """Instances of phones and what may follow each; instance I, after the last, is the exit."""

    phone: NDArray[np.int64]  # (I,) phone_ids
    context: NDArray[np.int64]  # (I + 1,) what neighbours see: the same and 0, or all 0
    first_arc: NDArray[np.int64]  # (I + 1,) instance n is left by arcs first_arc[n]..
    arc_to: NDArray[np.int64]  # (E,) instances
    arc_log_prob: NDArray[np.float64]  # (E,)
    entry: NDArray[np.int64]  # instances that may come first
    entry_log_prob: NDArray[np.float64]


class Keys(NamedTuple):
    """Instances in context, (K,): by instance, then left phone, then right phone."""

    instance: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    first: NDArray[np.int64]  # (I + 1,) instance n has keys first[n]..first[n + 1]


class PhoneArcs(NamedTuple):
    """Transitions of the HMM of every phone, from topology."""

    num_states: NDArray[np.int64]  # (phones + 1,)
    first: NDArray[np.int64]  # (phones + 2,)
    source: NDArray[np.int64]  # states
    target: NDArray[np.int64]  # states, num_states being the exit
    transition_index: NDArray[np.int64]


class NodeArcs(NamedTuple):
    """Arcs between nodes, in no order; the exit is the node after the last."""

    target: NDArray[np.int64]
    source: NDArray[np.int64]
    transition_id: NDArray[np.int64]
    log_prob: NDArray[np.float64]


class ContextStates:
    """Pdf and first transition_id of every HMM state of a phone in context, kept when found."""

    def __init__(self, hmm: Hmm) -> None:
        self._hmm = hmm
        self._contextual = hmm.tree.context_width > 1
        self._row_of: dict[tuple[int, int, int], int] = {}
        topology = hmm.topology
        most = max(topology.phone_ids)
        states = [topology.states(p) if p in topology.phone_ids else () for p in range(most + 1)]
        num_states = [len(s) for s in states]
        arcs = [
            [(s, d, i) for s, state in enumerate(of) for i, (d, _) in enumerate(state.transitions)]
            for of in states
        ]
        flat = np.array([arc for of in arcs for arc in of], np.int64).reshape(-1, 3)
        first = np.cumsum([0, *(len(of) for of in arcs)])
        columns = (np.ascontiguousarray(column) for column in flat.T)
        self.arcs = PhoneArcs(np.array(num_states, np.int64), first, *columns)
        self._pdfs = np.zeros((1024, max(num_states)), np.int32)
        self._ids = np.zeros_like(self._pdfs)

    def rows(
        self, phone: NDArray[np.int64], keys: Keys
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Pdfs and first transition_ids of the states of each key: two (K, most states)."""
        phones = phone[keys.instance].tolist()
        contexts = zip(keys.left.tolist(), phones, keys.right.tolist(), strict=True)
        rows = [self._row(context) for context in contexts]
        return self._pdfs[rows], self._ids[rows]

    def _row(self, context: tuple[int, int, int]) -> int:
        row = self._row_of.get(context)
        if row is not None:
            return row
        row = self._row_of[context] = len(self._row_of)
        if row == len(self._pdfs):
            self._pdfs = np.concatenate([self._pdfs, np.zeros_like(self._pdfs)])
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
        hmm, phone_id = self._hmm, context[1]
        window = context if self._contextual else (phone_id,)
        for s, state in enumerate(hmm.topology.states(phone_id)):
            pdf = hmm.tree.pdf_id(window, state.pdf_class)
            self._pdfs[row, s] = pdf
            number = hmm.transitions.transition_state(phone_id, s, pdf)
            self._ids[row, s] = hmm.transitions.transition_id(number, 0)
        return row


@njit(cache=True)
def find_keys(graph: PhoneGraph) -> Keys:
    """All contexts of all instances."""
    num_instances = len(graph.phone)
    seen = graph.context.max() + 1
    lefts = np.zeros((num_instances + 1, seen), np.bool_)
    rights = np.zeros((num_instances, seen), np.bool_)
    for n in graph.entry:
        lefts[n, 0] = True
    for n in range(num_instances):
        for arc in range(graph.first_arc[n], graph.first_arc[n + 1]):
            lefts[graph.arc_to[arc], graph.context[n]] = True
            rights[n, graph.context[graph.arc_to[arc]]] = True
    first = np.zeros(num_instances + 1, np.int64)
    for n in range(num_instances):
        first[n + 1] = first[n] + lefts[n].sum() * rights[n].sum()
    instance, left, right = (
        np.empty(first[-1], np.int64),
        np.empty(first[-1], np.int64),
        np.empty(first[-1], np.int64),
    )
    key = 0
    for n in range(num_instances):
        for a in np.flatnonzero(lefts[n]):
            for b in np.flatnonzero(rights[n]):
                instance[key], left[key], right[key] = n, a, b
                key += 1
    return Keys(instance, left, right, first)


@njit(cache=True)
def connect(
    graph: PhoneGraph,
    keys: Keys,
    arcs: PhoneArcs,
    first_ids: NDArray[np.int32],
    first_node: NDArray[np.int64],
) -> NodeArcs:
    """Arcs inside the HMMs and from one to the next.

    Args:
        first_ids: (K, most states) transition_id of each state's transition 0.
        first_node: (K + 1,) nodes of each key.
    """
    num_keys, num_instances = len(keys.instance), len(graph.phone)
    size = 0
    out = NodeArcs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    for fill in (False, True):
        if fill:
            out = NodeArcs(
                np.empty(size, np.int64),
                np.empty(size, np.int64),
                np.empty(size, np.int64),
                np.empty(size, np.float64),
            )
        size = 0
        for key in range(num_keys):
            n = keys.instance[key]
            phone, start = graph.phone[n], first_node[key]
            for a in range(arcs.first[phone], arcs.first[phone + 1]):
                source = start + arcs.source[a]
                transition_id = first_ids[key, arcs.source[a]] + arcs.transition_index[a]
                if arcs.target[a] < arcs.num_states[phone]:
                    if fill:
                        out.target[size] = start + arcs.target[a]
                        out.source[size] = source
                        out.transition_id[size] = transition_id
                        out.log_prob[size] = 0.0
                    size += 1
                    continue
                for arc in range(graph.first_arc[n], graph.first_arc[n + 1]):
                    following = graph.arc_to[arc]
                    if graph.context[following] != keys.right[key]:
                        continue
                    low, high = num_keys, num_keys + 1  # the exit
                    if following < num_instances:
                        low, high = keys.first[following], keys.first[following + 1]
                    for other in range(low, high):
                        if other < num_keys and keys.left[other] != graph.context[n]:
                            continue
                        if fill:
                            out.target[size] = first_node[other]
                            out.source[size] = source
                            out.transition_id[size] = transition_id
                            out.log_prob[size] = graph.arc_log_prob[arc]
                        size += 1
    return out


@njit(cache=True)
def shortest_path(
    initial: NDArray[np.float32], first_arc: NDArray[np.int32], source: NDArray[np.int32]
) -> int:
    """Fewest frames from an initial node to the exit (Bellman sweeps; few are needed)."""
    num_nodes = len(initial)
    far = np.iinfo(np.int32).max // 2
    frames = np.full(num_nodes + 1, far, np.int64)
    for node in range(num_nodes):
        if np.isfinite(initial[node]):
            frames[node] = 1
    changed = True
    while changed:
        changed = False
        for node in range(num_nodes + 1):
            step = 0 if node == num_nodes else 1
            for arc in range(first_arc[node], first_arc[node + 1]):
                candidate = frames[source[arc]] + step
                if candidate < frames[node]:
                    frames[node] = candidate
                    changed = True
    return int(frames[num_nodes])
