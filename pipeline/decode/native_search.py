"""Lattices by compiled token passing on the graph itself, whole utterances or parts of them.

The engine for large vocabularies on CPUs, and for speech as it comes. It needs numba; the graph
keeps its epsilons, and no copy of the log-likelihoods by transition-id is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.decode import token_passing, token_pruning
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import LatticeBatch, Words, concatenate, dead_end
from pipeline.decode.options import SearchOptions
from pipeline.decode.token_passing import Arcs, epsilon_ranks
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
        self._num_ranks = int(self._rank.max()) + 1

    def decode(self, utterances: Sequence[Utterance]) -> LatticeBatch:
        """Lattices of some utterances, in their order.

        Where no path reaches a final state, all states that are alive at the end count as final.
        """
        return concatenate([self._decode_one(utterance) for utterance in utterances])

    def _decode_one(self, utterance: Utterance) -> LatticeBatch:
        running = self.start()
        running.advance(utterance.log_likes)
        return running.finish(utterance.utterance_id)

    def start(self) -> RunningSearch:
        """Begin an utterance that comes in parts; any number may run at once, each in a thread."""
        return RunningSearch(self)


class RunningSearch:
    """One utterance: log-likelihoods in, at any time the best path so far, at the end a lattice."""

    def __init__(self, search: NativeSearch) -> None:
        self.graph = search
        options, fst = search.options, search.fst
        self._state = token_passing.begin(
            fst.start, search._silent, search._rank, search._num_ranks, options.beam
        )
        self._lattice_beam = options.lattice_beam + SLACK
        self._log_likes: list[NDArray[np.float32]] = []
        self.num_frames = 0  # that have come

    def advance(self, log_likes: NDArray[np.float32]) -> None:
        """Take (T, P) further frames."""
        search, options = self.graph, self.graph.options
        self._log_likes.append(log_likes)
        self.num_frames += len(log_likes)
        self._state = token_passing.advance(
            self._state,
            log_likes * np.float32(-1.0 / options.lm_weight),
            search._loud,
            search._silent,
            search._rank,
            options.beam,
            self._lattice_beam,
            options.max_active,
            MIN_ACTIVE,
        )

    def best_path(self) -> NDArray[np.int32]:
        """Graph arcs of the best path to any state, (A,); none if no path lives."""
        without, _ = token_pruning.end_costs(self._state, self.graph.fst.final)
        if not len(without):
            return np.zeros(0, np.int32)
        first = self._state[-1][2]
        found: NDArray[np.int32] = token_pruning.best_arcs(self._state, first + without.argmin())
        return found

    def final_relative_cost(self) -> float:
        """How much worse the best path to a final state is than the best to any; may be inf."""
        without, ends = token_pruning.end_costs(self._state, self.graph.fst.final)
        return float(ends.min() - without.min()) if len(without) else np.inf

    def finish(self, utterance_id: str) -> LatticeBatch:
        """The lattice; nothing can be added then."""
        fst = self.graph.fst
        state, frame, source, target, arc, begin, reached = token_pruning.finish(
            self._state, fst.final, self._lattice_beam
        )
        if not len(state):
            return dead_end(utterance_id, self.graph.word_table)
        log_likes = np.concatenate(self._log_likes)
        ends = np.arange(begin, len(state))
        last = fst.final[state[ends]] if reached else np.zeros(len(ends), np.float32)
        ends, last = ends[np.isfinite(last)], last[np.isfinite(last)]
        label = fst.ilabel[arc]
        acoustic = np.zeros(len(arc), np.float32)
        emits = np.flatnonzero(label)
        acoustic[emits] = -log_likes[frame[source[emits]], self.graph.pdf_of[label[emits]]]
        zeros = np.zeros(len(ends), np.int32)
        return LatticeBatch(
            utterance_ids=[utterance_id],
            reached_final=[reached],
            first_state=np.array([0, len(state) + 1]),
            start=np.array([0]),
            final=np.array([len(state)]),
            source=np.concatenate((source.astype(np.int64), ends)),
            target=np.concatenate((target.astype(np.int64), np.full(len(ends), len(state)))),
            transition_id=np.concatenate((label, zeros)),
            words=np.concatenate((fst.olabel[arc], zeros)),
            acoustic=np.concatenate((acoustic, zeros)).astype(np.float32),
            graph=np.concatenate((fst.cost[arc], last)).astype(np.float32),
            word_table=self.graph.word_table,
        )


def _arcs(fst: Fst, chosen: NDArray[np.bool_], pdf_of: NDArray[np.int32]) -> Arcs:
    part = fst.subset(chosen)
    pdf = pdf_of[part.ilabel]
    number = np.flatnonzero(chosen).astype(np.int32)
    return part.first_arc, part.nextstate, pdf, part.cost, number
