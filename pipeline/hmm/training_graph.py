"""Graphs of the HMM states that an utterance's transcript allows, as flat arrays.

They play the part of Kaldi's compile-train-graphs: every pronunciation of every word, optional
silence before, between and after words, phones in context, HMM states. Being linear in time they
need no FST library: a node is an HMM state in its context, an arc carries the transition_id with
which its source is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm

EXIT = -1


@dataclass(frozen=True)
class TrainingGraph:
    """One transcript. Nodes are ordered so that (self-loops and silence apart) arcs go forward.

    Arcs are sorted by destination; the last row of ``first_arc`` is the exit (node ``num_nodes``).
    """

    pdfs: NDArray[np.int32]  # (K,) distinct pdf_ids, ascending
    node_pdf: NDArray[np.int32]  # (nodes,) index into pdfs
    initial: NDArray[np.float32]  # (nodes,) log-probability of starting there, -inf if impossible
    first_arc: NDArray[np.int32]  # (nodes + 2,) arcs into node n: first_arc[n]..first_arc[n+1]
    arc_source: NDArray[np.int32]  # (arcs,)
    arc_transition: NDArray[np.int32]  # (arcs,) transition_id
    arc_log_prob: NDArray[np.float32]  # (arcs,) pronunciation and silence probabilities
    min_frames: int  # shortest utterance that fits

    @property
    def num_nodes(self) -> int:
        """Nodes without the exit."""
        return len(self.node_pdf)


@dataclass
class _Phone:
    """A phone of some pronunciation, and what may follow: (instance or EXIT, log-probability)."""

    phone_id: int
    next: list[tuple[int, float]] = field(default_factory=list)


class GraphCompiler:
    """Compiles transcripts to TrainingGraphs; equal transcripts are compiled once."""

    def __init__(self, lang: Lang, hmm: Hmm) -> None:
        self.lang, self.hmm = lang, hmm
        self._memo: dict[str, TrainingGraph] = {}
        self._states: dict[tuple[int, int, int], _Expanded] = {}

    def compile(self, text: str) -> TrainingGraph:
        """The graph of a transcript (words separated by spaces).

        Raises:
            KeyError: a word has no pronunciation and the lang has no unknown word.
        """
        graph = self._memo.get(text)
        if graph is None:
            graph = self._memo[text] = self._compile(text.split())
        return graph

    def _phones(self, words: list[str]) -> tuple[list[_Phone], list[tuple[int, float]]]:
        """Instances of phones in forward order, and the entries (instance, log-probability)."""
        lang = self.lang
        # Without words there is only silence, and an utterance has at least one frame of it.
        p = lang.silence_probability if words else 1.0
        log_silence = np.log(p) if p > 0 else None
        log_none = np.log1p(-p) if words else -np.inf
        silence_id = lang.phones.id(lang.optional_silence)
        instances: list[_Phone] = []
        entries: list[tuple[int, float]] = []
        # What leads to the next word: lists to which (instance, log-probability) is appended.
        pending: list[tuple[list[tuple[int, float]], float]] = []

        def optional_silence(
            ends: list[tuple[list[tuple[int, float]], float]],
        ) -> list[tuple[list[tuple[int, float]], float]]:
            if log_silence is None:
                return ends
            instances.append(_Phone(silence_id))
            for where, log_prob in ends:
                where.append((len(instances) - 1, log_prob + log_silence))
            return [*((w, lp + log_none) for w, lp in ends), (instances[-1].next, 0.0)]

        pending = optional_silence([(entries, 0.0)])
        if not words:
            instances[-1].next.append((EXIT, 0.0))
            return instances, entries
        for word in words:
            prons = lang.pronunciations.get(word)
            if prons is None:
                if lang.unknown_word is None:
                    raise KeyError(word)
                prons = lang.pronunciations[lang.unknown_word]
            ends: list[tuple[list[tuple[int, float]], float]] = []
            for pron in prons:
                first = len(instances)
                for where, log_prob in pending:
                    where.append((first, log_prob + float(np.log(pron.probability))))
                for n, phone in enumerate(pron.phones):
                    if n:
                        instances[-1].next.append((len(instances), 0.0))
                    instances.append(_Phone(lang.phones.id(phone)))
                ends.append((instances[-1].next, 0.0))
            pending = optional_silence(ends)
        for where, log_prob in pending:
            where.append((EXIT, log_prob))
        return instances, entries

    def _compile(self, words: list[str]) -> TrainingGraph:
        instances, entries = self._phones(words)
        contextual = self.hmm.tree.context_width > 1

        def phone_of(instance: int) -> int:
            return 0 if instance == EXIT else instances[instance].phone_id

        rights = [
            sorted({phone_of(n) for n, _ in phone.next}) if contextual else [0]
            for phone in instances
        ]

        lefts: list[set[int]] = [set() for _ in instances]
        for instance, _ in entries:
            lefts[instance].add(0)
        for phone in instances:
            for following, _ in phone.next:
                if following != EXIT:
                    lefts[following].add(phone.phone_id if contextual else 0)
        # A key is (instance, left phone, right phone); its HMM states are consecutive nodes.
        first_node: dict[tuple[int, int, int], int] = {}
        expanded: dict[tuple[int, int, int], _Expanded] = {}
        num_nodes = 0
        for n, phone in enumerate(instances):
            for left in sorted(lefts[n]):
                for right in rights[n]:
                    states = self._expand(left, phone.phone_id, right)
                    first_node[n, left, right] = num_nodes
                    expanded[n, left, right] = states
                    num_nodes += len(states.pdfs)
        node_pdf = np.empty(num_nodes, np.int32)
        initial = np.full(num_nodes, -np.inf, np.float32)
        arcs: list[tuple[int, int, int, float]] = []  # destination, source, transition_id, log-prob
        for instance, log_prob in entries:
            for right in rights[instance]:
                initial[first_node[instance, 0, right]] = log_prob
        for (n, left, right), states in expanded.items():
            start = first_node[n, left, right]
            node_pdf[start : start + len(states.pdfs)] = states.pdfs
            arcs += [(start + d, start + s, t, 0.0) for s, d, t in states.inner]
            here = instances[n].phone_id
            for following, log_prob in instances[n].next:
                if contextual and phone_of(following) != right:
                    continue
                targets = (
                    [num_nodes]
                    if following == EXIT
                    else [
                        first_node[following, here if contextual else 0, r]
                        for r in rights[following]
                    ]
                )
                arcs += [
                    (target, start + s, t, log_prob) for s, t in states.exits for target in targets
                ]
        arcs.sort()
        destination = np.array([a[0] for a in arcs], np.int64)
        pdfs, local = np.unique(node_pdf, return_inverse=True)
        source = np.array([a[1] for a in arcs], np.int32)
        first_arc = np.searchsorted(destination, np.arange(num_nodes + 2)).astype(np.int32)
        return TrainingGraph(
            pdfs=pdfs.astype(np.int32),
            node_pdf=local.astype(np.int32),
            initial=initial,
            first_arc=first_arc,
            arc_source=source,
            arc_transition=np.array([a[2] for a in arcs], np.int32),
            arc_log_prob=np.array([a[3] for a in arcs], np.float32),
            min_frames=int(_shortest(initial, first_arc, source)),
        )

    def _expand(self, left: int, phone_id: int, right: int) -> _Expanded:
        key = (left, phone_id, right)
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = _Expanded.of(self.hmm, *key)
        return found


@dataclass(frozen=True)
class _Expanded:
    """HMM states of a phone in context."""

    pdfs: list[int]
    inner: list[tuple[int, int, int]]  # source, destination, transition_id
    exits: list[tuple[int, int]]  # source, transition_id

    @classmethod
    def of(cls, hmm: Hmm, left: int, phone_id: int, right: int) -> _Expanded:
        window = (left, phone_id, right) if hmm.tree.context_width == 3 else (phone_id,)
        states = hmm.topology.states(phone_id)
        pdfs, inner, exits = [], [], []
        for s, state in enumerate(states):
            pdf = hmm.tree.pdf_id(window, state.pdf_class)
            pdfs.append(pdf)
            number = hmm.transitions.transition_state(phone_id, s, pdf)
            for index, (destination, _) in enumerate(state.transitions):
                transition_id = hmm.transitions.transition_id(number, index)
                if destination == len(states):
                    exits.append((s, transition_id))
                else:
                    inner.append((s, destination, transition_id))
        return cls(pdfs, inner, exits)


@njit(cache=True)
def _shortest(
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
