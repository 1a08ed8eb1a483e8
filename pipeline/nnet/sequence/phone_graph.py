"""Acceptors of phones: an n-gram model of all phone sequences, and the chain of a single one.

Source: Povey et al. 2016, Purely sequence-trained neural networks for ASR based on lattice-free
MMI, sections 2.2 (denominator: a phone language model) and 2.4 (numerator). As there, the n-gram
model is not smoothed: only what the training alignments hold is possible, which keeps it small and
holds every numerator.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import phone_segments
from pipeline.io.archive import read_int_vectors

EDGE = 0  # what stands before the first phone and after the last one

Phones = tuple[int, ...]  # phone_ids of an utterance, silence included


@dataclass(frozen=True)
class PhoneGraph:
    """State 0 is the start.

    Attributes:
        arcs: (source, destination, phone_id, log-probability), sorted.
        final: state -> log-probability of ending there.
    """

    arcs: list[tuple[int, int, int, float]]
    final: dict[int, float]


class PhoneNgram:
    """Maximum-likelihood n-gram model of phone sequences."""

    def __init__(self, sequences: Iterable[Phones], order: int) -> None:
        """`order` is n, at least 1; histories at the start of an utterance are shorter."""
        self._context = order - 1
        self._counts: dict[Phones, Counter[int]] = {}
        for phones in sequences:
            history = self._start()
            for phone in (*phones, EDGE):
                self._counts.setdefault(history, Counter())[phone] += 1
                history = self._after(history, phone)

    def _start(self) -> Phones:
        return (EDGE,)[: self._context]

    def _after(self, history: Phones, phone: int) -> Phones:
        return (*history, phone)[-self._context :] if self._context else ()

    def log_prob(self, history: Phones, phone: int) -> float:
        """log p(phone | history), -inf where it was never seen; EDGE is the end."""
        counts = self._counts.get(history, Counter())
        if not counts[phone]:
            return -math.inf
        return math.log(counts[phone] / counts.total())

    def graph(self) -> PhoneGraph:
        """All sequences that the model allows; a state is a history."""
        start = self._start()
        others = sorted(history for history in self._counts if history != start)
        state_of = {history: state for state, history in enumerate([start, *others])}
        arcs, final = [], {}
        for history, state in state_of.items():
            for phone in sorted(self._counts[history]):
                log_prob = self.log_prob(history, phone)
                if phone == EDGE:
                    final[state] = log_prob
                else:
                    destination = state_of[self._after(history, phone)]
                    arcs.append((state, destination, phone, log_prob))
        return PhoneGraph(arcs, final)

    def chain(self, phones: Phones) -> PhoneGraph:
        """One sequence with the probabilities that `graph` gives it."""
        history = self._start()
        arcs = []
        for state, phone in enumerate(phones):
            arcs.append((state, state + 1, phone, self.log_prob(history, phone)))
            history = self._after(history, phone)
        return PhoneGraph(arcs, {len(phones): self.log_prob(history, EDGE)})


def read_phones(alignment: Path, hmm: Hmm, utterance_ids: Sequence[str]) -> dict[str, Phones]:
    """The phones of each utterance's alignment, an archive of transition_ids of `hmm`."""
    wanted = set(utterance_ids)
    found: dict[str, Phones] = {}
    for utterance_id, ids in read_int_vectors(alignment):
        if utterance_id in wanted:
            segments = phone_segments(hmm, ids, np.array([0, len(ids)]))
            found[utterance_id] = tuple(segments.phone_id.tolist())
    return found
