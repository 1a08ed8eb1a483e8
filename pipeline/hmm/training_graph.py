"""Graphs of the HMM states that an utterance's transcript allows, as flat arrays.

They play the part of Kaldi's compile-train-graphs: every pronunciation of every word, optional
silence before, between and after words, phones in context, HMM states. Being linear in time they
need no FST library: a node is an HMM state in its context, an arc carries the transition_id with
which its source is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.expansion import ContextStates, PhoneGraph, connect, find_keys, shortest_path
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
        self._states = ContextStates(hmm)

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
        phones = _as_arrays(*self._phones(words), self.hmm.tree.context_width > 1)
        keys = find_keys(phones)
        states = self._states
        pdf_of, first_ids = states.rows(phones.phone, keys)
        sizes = states.arcs.num_states[phones.phone[keys.instance]]
        first_node = np.concatenate(([0], np.cumsum(sizes)))
        num_nodes = int(first_node[-1])
        initial = np.full(num_nodes, -np.inf, np.float32)
        for instance, log_prob in zip(phones.entry, phones.entry_log_prob, strict=True):
            own = np.arange(keys.first[instance], keys.first[instance + 1])
            initial[first_node[own[keys.left[own] == 0]]] = log_prob
        arcs = connect(phones, keys, states.arcs, first_ids, first_node)
        order = np.lexsort((arcs.log_prob, arcs.transition_id, arcs.source, arcs.target))
        source = arcs.source[order].astype(np.int32)
        first_arc = np.searchsorted(arcs.target[order], np.arange(num_nodes + 2)).astype(np.int32)
        pdfs, local = np.unique(
            pdf_of[np.arange(pdf_of.shape[1]) < sizes[:, None]], return_inverse=True
        )
        return TrainingGraph(
            pdfs=pdfs,
            node_pdf=local.astype(np.int32),
            initial=initial,
            first_arc=first_arc,
            arc_source=source,
            arc_transition=arcs.transition_id[order].astype(np.int32),
            arc_log_prob=arcs.log_prob[order].astype(np.float32),
            min_frames=int(shortest_path(initial, first_arc, source)),
        )


def _as_arrays(
    instances: list[_Phone], entries: list[tuple[int, float]], contextual: bool
) -> PhoneGraph:
    phone = np.array([instance.phone_id for instance in instances], np.int64)
    following = [arc for instance in instances for arc in instance.next]
    to = np.array([n for n, _ in following], np.int64)
    first_arc = np.cumsum([0, *(len(instance.next) for instance in instances)])
    return PhoneGraph(
        phone,
        np.append(phone if contextual else np.zeros_like(phone), 0),
        first_arc,
        np.where(to == EXIT, len(instances), to),
        np.array([log_prob for _, log_prob in following], np.float64),
        np.array([n for n, _ in entries], np.int64),
        np.array([log_prob for _, log_prob in entries], np.float64),
    )
