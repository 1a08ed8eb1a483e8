"""Lattices by compiled token passing on the graph itself, an utterance at a time.

The engine for large vocabularies on CPUs. It needs numba; the graph keeps its epsilons, and no copy
of the log-likelihoods by transition-id is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import LatticeBatch, Words, concatenate, dead_end
from pipeline.decode.options import SearchOptions
from pipeline.decode.token_passing import Arcs, epsilon_ranks, search
from pipeline.graph.fst import EPSILON, Fst
from pipeline.io.errors import UserError

MIN_ACTIVE = 200  # states a frame that the beam leaves alive at least (Kaldi's --min-active)
SLACK = 1e-6  # of the lattice beam, so that rounding never cuts the best path


class NativeSearch:
    """The search in one graph."""

    def __init__(self, graph: SearchGraph, options: SearchOptions) -> None:
        """Split the graph's arcs into those that use up a frame and epsilons.

        Raises:
            UserError: the graph has a cycle of epsilons.
        """
        self.options = options
        self.fst = graph.fst
        self.pdf_of = graph.pdf_of
        self.word_table: list[Words] = [(), *((i,) for i in range(1, len(graph.words)))]
        silent = graph.fst.ilabel == EPSILON
        self._loud = _arcs(graph.fst, ~silent, graph.pdf_of)
        self._silent = _arcs(graph.fst, silent, graph.pdf_of)
        source = np.repeat(np.arange(graph.fst.num_states), np.diff(self._silent[0]))
        target = self._silent[1].astype(np.int64)
        self._rank = epsilon_ranks(graph.fst.num_states, source, target)
        if self._rank.min(initial=0) < 0:
            raise UserError("the graph has a cycle of epsilons; check the grammar, make it again")
        self._slot = np.full(graph.fst.num_states, -1, np.int32)

    def decode(self, utterances: Sequence[Utterance]) -> LatticeBatch:
        """Lattices of some utterances, in their order.

        Where no path reaches a final state, all states that are alive at the end count as final.
        """
        return concatenate([self._decode_one(utterance) for utterance in utterances])

    def _decode_one(self, utterance: Utterance) -> LatticeBatch:
        costs = utterance.log_likes * np.float32(-1.0 / self.options.lm_weight)
        state, frame, source, target, arc, begin, reached = search(
            *(costs, self.fst.start, self.fst.final, self._loud, self._silent),
            *(self._rank, self._slot, self.options.beam, self.options.lattice_beam + SLACK),
            *(self.options.max_active, MIN_ACTIVE),
        )
        if not len(state):
            return dead_end(utterance.utterance_id, self.word_table)
        ends = np.arange(begin, len(state))
        last = self.fst.final[state[ends]] if reached else np.zeros(len(ends), np.float32)
        ends, last = ends[np.isfinite(last)], last[np.isfinite(last)]
        label = self.fst.ilabel[arc]
        acoustic = np.zeros(len(arc), np.float32)
        emits = np.flatnonzero(label)
        acoustic[emits] = -utterance.log_likes[frame[source[emits]], self.pdf_of[label[emits]]]
        zeros = np.zeros(len(ends), np.int32)
        return LatticeBatch(
            utterance_ids=[utterance.utterance_id],
            reached_final=[reached],
            first_state=np.array([0, len(state) + 1]),
            start=np.array([0]),
            final=np.array([len(state)]),
            source=np.concatenate((source.astype(np.int64), ends)),
            target=np.concatenate((target.astype(np.int64), np.full(len(ends), len(state)))),
            transition_id=np.concatenate((label, zeros)),
            words=np.concatenate((self.fst.olabel[arc], zeros)),
            acoustic=np.concatenate((acoustic, zeros)).astype(np.float32),
            graph=np.concatenate((self.fst.cost[arc], last)).astype(np.float32),
            word_table=self.word_table,
        )


def _arcs(fst: Fst, chosen: NDArray[np.bool_], pdf_of: NDArray[np.int32]) -> Arcs:
    part = fst.subset(chosen)
    pdf = pdf_of[part.ilabel]
    number = np.flatnonzero(chosen).astype(np.int32)
    return part.first_arc, part.nextstate, pdf, part.cost, number
