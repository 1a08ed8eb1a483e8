"""Lattices by k2: pruned intersection of one graph with a batch of log-likelihoods.

Runs wherever k2 is importable (1.23.4 with torch 1.13.1, or a newer pair) and imports nothing else
that is heavy. Column c of a DenseFsaVec stands for label c, and labels are pdf_id + 1, so column 0
is a dummy; the graph has no epsilons on its input side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import k2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.decode.epsilon_free import FINAL_LABEL, EpsilonFreeGraph, WordTable, remove_epsilons
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import LatticeBatch, concatenate, dead_end
from pipeline.decode.options import SearchOptions
from pipeline.graph.fst import Fst

MIN_ACTIVE = 200  # states a frame that the beam leaves alive at least (Kaldi's --min-active)
IMPOSSIBLE = -1e30  # log-likelihood of the dummy column


@dataclass(frozen=True)
class _Graph:
    """A graph and its form for k2: an FsaVec of one FSA whose arcs know their ``graph_arc``."""

    arcs: EpsilonFreeGraph
    fsa: Any

    @classmethod
    def of(cls, fst: Fst, table: WordTable, pdf_of: NDArray[np.int32]) -> _Graph:
        graph = remove_epsilons(fst, table)
        is_final = graph.transition_id == FINAL_LABEL
        label = np.where(is_final, FINAL_LABEL, pdf_of[graph.transition_id] + 1)
        order = np.lexsort((label, graph.source))
        columns = (graph.source, graph.target, label, np.zeros_like(label))
        arcs = np.stack([column[order] for column in columns], axis=1).astype(np.int32)
        fsa = k2.Fsa(torch.from_numpy(arcs))
        fsa.scores = torch.from_numpy(-graph.cost[order])
        fsa.graph_arc = torch.from_numpy(order.astype(np.int32))
        return cls(graph, k2.create_fsa_vec([k2.arc_sort(fsa)]))


class K2Search:
    """The search in one graph."""

    def __init__(self, graph: SearchGraph, options: SearchOptions) -> None:
        self.options = options
        self.pdf_of = graph.pdf_of
        self._table = WordTable()
        self._fst = graph.fst
        self._graph = _Graph.of(graph.fst, self._table, self.pdf_of)

    def decode(self, utterances: Sequence[Utterance]) -> LatticeBatch:
        """Lattices of some utterances, in their order.

        Where no path reaches a final state, all states that are alive at the end count as final.
        """
        found = self._intersect(self._graph, utterances, True)
        lost = [n for n, part in enumerate(found) if part is None]
        if lost:
            again = self._intersect(self._partial_graph, [utterances[n] for n in lost], False)
            for n, part in zip(lost, again, strict=True):
                found[n] = part or dead_end(utterances[n].utterance_id, self._table.sequences)
        return concatenate([part for part in found if part is not None])

    @cached_property
    def _partial_graph(self) -> _Graph:
        """The graph in which every state is final at no cost."""
        ends = replace(self._fst, final=np.zeros_like(self._fst.final))
        return _Graph.of(ends, self._table, self.pdf_of)

    def _intersect(
        self, graph: _Graph, utterances: Sequence[Utterance], reached: bool
    ) -> list[LatticeBatch | None]:
        dense = _dense(utterances, 1.0 / self.options.lm_weight)
        lattice = k2.intersect_dense_pruned(
            graph.fsa,
            dense,
            search_beam=self.options.beam,
            output_beam=self.options.lattice_beam,
            min_active_states=MIN_ACTIVE,
            max_active_states=self.options.max_active,
            frame_idx_name="frame",
        )
        # [arcs, 4]: source, target, label, score; states count from 0 in each lattice.
        arcs = lattice.arcs.values()[:, :2].numpy().astype(np.int64)
        state_splits = lattice.arcs.shape().row_splits(1).numpy()
        arc_splits = lattice.arcs.shape().row_splits(2).numpy()[state_splits]
        graph_arc, frame = lattice.graph_arc.numpy(), lattice.frame.numpy()
        results: list[LatticeBatch | None] = []
        for n, utterance in enumerate(utterances):
            span = slice(int(arc_splits[n]), int(arc_splits[n + 1]))
            num_states = int(state_splits[n + 1] - state_splits[n])
            # Without a path to a final state k2 leaves nothing, or a piece of the beginning.
            last = graph_arc[span][graph_arc[span] >= 0]
            if not (graph.arcs.transition_id[last] == FINAL_LABEL).any():
                results.append(None)
                continue
            results.append(
                self._part(
                    graph.arcs,
                    utterance,
                    reached,
                    num_states,
                    arcs[span],
                    graph_arc[span],
                    frame[span],
                )
            )
        return results

    def _part(
        self,
        graph: EpsilonFreeGraph,
        utterance: Utterance,
        reached: bool,
        num_states: int,
        arcs: NDArray[np.int64],
        graph_arc: NDArray[np.int32],
        frame: NDArray[np.int32],
    ) -> LatticeBatch:
        """One utterance's lattice; costs are taken anew, unscaled, from graph and matrix."""
        known = graph_arc >= 0
        label = np.where(known, graph.transition_id[graph_arc], FINAL_LABEL)
        emits = label > 0
        acoustic = np.zeros(len(label), np.float32)
        acoustic[emits] = -utterance.log_likes[frame[emits], self.pdf_of[label[emits]]]
        return LatticeBatch(
            utterance_ids=[utterance.utterance_id],
            reached_final=[reached],
            first_state=np.array([0, num_states]),
            start=np.array([0]),
            final=np.array([num_states - 1]),
            source=arcs[:, 0],
            target=arcs[:, 1],
            transition_id=np.where(emits, label, 0).astype(np.int32),
            words=np.where(known, graph.words[graph_arc], 0).astype(np.int32),
            acoustic=acoustic,
            graph=np.where(known, graph.cost[graph_arc], 0.0).astype(np.float32),
            word_table=graph.word_table,
        )


def _dense(utterances: Sequence[Utterance], scale: float) -> Any:
    """Scaled log-likelihoods: (N, T, P + 1), padded, with the dummy column in front."""
    lengths = [len(utterance.log_likes) for utterance in utterances]
    num_pdfs = utterances[0].log_likes.shape[1]
    scores = torch.full((len(lengths), max(lengths), num_pdfs + 1), IMPOSSIBLE)
    for n, utterance in enumerate(utterances):
        likes = torch.from_numpy(utterance.log_likes * np.float32(scale))
        scores[n, : lengths[n], 1:] = likes
    segments = torch.tensor([[n, 0, length] for n, length in enumerate(lengths)], dtype=torch.int32)
    return k2.DenseFsaVec(scores, segments)
