"""Lattices by kaldi-decoder: Kaldi's LatticeSimpleDecoder, an utterance at a time.

The decodable's column c stands for input label c + 1, so the log-likelihoods are spread over
transition-ids, and the lattice's labels stay transition-ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import kaldi_decoder
import numpy as np

from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import LatticeBatch, Words, concatenate, dead_end
from pipeline.decode.options import SearchOptions
from pipeline.graph.exchange import lattice_from_kaldifst, to_kaldifst
from pipeline.graph.fst import Lattice


class KaldiSearch:
    """The search in one graph."""

    def __init__(self, graph: SearchGraph, options: SearchOptions) -> None:
        self.options = options
        self.pdf_of = graph.pdf_of[1:]
        self.word_table: list[Words] = [(), *((i,) for i in range(1, len(graph.words)))]
        self.fst = to_kaldifst(graph.fst)
        self.config = kaldi_decoder.LatticeSimpleDecoderConfig(
            beam=options.beam, lattice_beam=options.lattice_beam
        )

    def decode(self, utterances: Sequence[Utterance]) -> LatticeBatch:
        """Lattices of some utterances."""
        return concatenate([self._decode_one(utterance) for utterance in utterances])

    def _decode_one(self, utterance: Utterance) -> LatticeBatch:
        scale = 1.0 / self.options.lm_weight
        scaled = np.ascontiguousarray((utterance.log_likes * scale)[:, self.pdf_of], np.float32)
        decoder: Any = kaldi_decoder.LatticeSimpleDecoder(self.fst, self.config)
        decoder.decode(kaldi_decoder.DecodableCtc(scaled))
        found, lattice = decoder.get_raw_lattice()
        if not found:  # no path lives to the last frame; only a graph with dead ends does this
            return dead_end(utterance.utterance_id, self.word_table)
        reached = bool(np.isfinite(decoder.final_relative_cost()))
        return self._arrays(utterance.utterance_id, lattice_from_kaldifst(lattice), reached)

    def _arrays(self, utterance_id: str, lattice: Lattice, reached: bool) -> LatticeBatch:
        num_states = len(lattice.final)
        is_final = np.flatnonzero(np.isfinite(lattice.final[:, 0]))
        counts = np.diff(lattice.first_arc)
        source = np.concatenate((np.repeat(np.arange(num_states), counts), is_final))
        zeros = np.zeros(len(is_final), np.int32)
        end = num_states  # one final state behind all others
        acoustic = lattice.cost[:, 1] * np.float32(self.options.lm_weight)
        return LatticeBatch(
            utterance_ids=[utterance_id],
            reached_final=[reached],
            first_state=np.array([0, num_states + 1]),
            start=np.array([lattice.start]),
            final=np.array([end]),
            source=source,
            target=np.concatenate(
                (lattice.nextstate.astype(np.int64), np.full_like(is_final, end))
            ),
            transition_id=np.concatenate((lattice.ilabel, zeros)),
            words=np.concatenate((lattice.olabel, zeros)),
            acoustic=np.concatenate((acoustic, zeros)).astype(np.float32),
            graph=np.concatenate((lattice.cost[:, 0], lattice.final[is_final, 0])),
            word_table=self.word_table,
        )
