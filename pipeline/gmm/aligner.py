"""Forced alignment of a feature set: Viterbi over the training graphs of its utterances."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import AlignOptions
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.likelihoods import PdfLikelihoods
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.equal_alignment import equal_alignment
from pipeline.hmm.model import Hmm
from pipeline.hmm.packed_graphs import PackedGraphs
from pipeline.hmm.viterbi import Mixtures, Scores, Table, align_utterances

NOT_ALIGNED = 0  # transition_id of the frames of an utterance without an alignment
CHUNK_FRAMES = 60_000


SilenceBoost = tuple[NDArray[np.int32], float]  # pdf_ids, factor on their likelihoods


@dataclass(frozen=True)
class Alignment:
    """Alignments of a feature set.

    ``transition_ids`` (sum T,) follows the set's frames, 0 in utterances that failed; ``score``
    (U,) is the scaled score a frame, -inf where it failed; ``retried`` (U,) needed the retry beam.
    """

    transition_ids: NDArray[np.int32]
    score: NDArray[np.float32]
    retried: NDArray[np.bool_]

    @property
    def aligned(self) -> NDArray[np.bool_]:
        """(U,) whether the utterance has an alignment."""
        return np.isfinite(self.score)


class _Search:
    """The graphs with the scores of their arcs, and the alignments found so far."""

    def __init__(
        self, graphs: PackedGraphs, hmm: Hmm, offsets: NDArray[np.int64], options: AlignOptions
    ) -> None:
        self.graphs, self.offsets, self.options = graphs, offsets, options
        scaled = hmm.transitions.scaled_log_probs(options.transition_scale, options.self_loop_scale)
        arc_score = graphs.arc_log_prob + scaled[graphs.arc_transition]
        self.arc_score = arc_score.astype(np.float32)
        self.transition_ids = np.zeros(offsets[-1], np.int32)
        self.score = np.full(len(offsets) - 1, -np.inf, np.float32)
        self.retried = np.zeros(len(offsets) - 1, np.bool_)
        fits = np.diff(offsets) >= np.maximum(graphs.min_frames[graphs.graph_of], 1)
        by_graph = np.argsort(graphs.graph_of[fits], kind="stable")
        self.utterances = np.flatnonzero(fits)[by_graph]  # that can be aligned

    def run(self, scores: Scores, utterances: NDArray[np.int64]) -> None:
        """Align some utterances."""
        graphs = self.graphs
        align_utterances(
            scores,
            utterances,
            self.offsets,
            graphs.graph_of,
            graphs.pdf_offset,
            graphs.node_offset,
            graphs.node_pdf,
            graphs.initial,
            graphs.first_arc,
            graphs.arc_offset,
            graphs.arc_source,
            self.arc_score,
            graphs.arc_transition,
            np.float32(self.options.beam),
            np.float32(self.options.retry_beam),
            self.transition_ids,
            self.score,
            self.retried,
        )

    def found(self) -> Alignment:
        """All of them; scores become those of a frame."""
        lengths = np.maximum(np.diff(self.offsets), 1)
        score = (self.score / lengths).astype(np.float32)
        return Alignment(self.transition_ids, score, self.retried)


def align(
    graphs: PackedGraphs,
    hmm: Hmm,
    gmm: AmDiagGmm,
    frames: NDArray[np.float32],
    offsets: NDArray[np.int64],
    options: AlignOptions,
    silence_boost: SilenceBoost | None = None,
) -> Alignment:
    """Align every utterance to its graph (Kaldi's gmm-align-compiled, gmm-boost-silence).

    Args:
        frames: (sum T, D); utterance u has rows offsets[u]..offsets[u + 1].
    """
    search = _Search(graphs, hmm, offsets, options)
    boost = np.zeros(hmm.num_pdfs, np.float32)
    if silence_boost is not None:
        boost[silence_boost[0]] = np.log(silence_boost[1])
    mixtures = Mixtures(
        frames,
        graphs.pdfs,
        gmm.offsets,
        gmm.log_constants,
        gmm.projection,
        boost,
        np.float32(options.acoustic_scale),
    )
    search.run(mixtures, search.utterances)
    return search.found()


def align_to_graphs(
    graphs: PackedGraphs,
    hmm: Hmm,
    likelihoods: PdfLikelihoods,
    offsets: NDArray[np.int64],
    options: AlignOptions,
    workers: Workers = SERIAL,
) -> Alignment:
    """Align every utterance to its graph with any model (Kaldi's align-compiled-mapped).

    Args:
        likelihoods: of the set's frames; utterance u has rows offsets[u]..offsets[u + 1].
    """
    search = _Search(graphs, hmm, offsets, options)
    lengths = np.diff(offsets)

    def of_utterance(u: np.int64) -> NDArray[np.float32]:
        pdfs = graphs.graphs[graphs.graph_of[u]].pdfs
        likes = likelihoods(np.arange(offsets[u], offsets[u + 1]), pdfs)
        likes *= np.float32(options.acoustic_scale)
        return likes.ravel()

    for chunk in _chunks(search.utterances, lengths):
        likes = workers.map(of_utterance, chunk)
        start = np.zeros(len(lengths), np.int64)
        start[chunk] = np.cumsum([0, *(len(values) for values in likes[:-1])])
        search.run(Table(np.concatenate(likes), start), chunk)
    return search.found()


def _chunks(utterances: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Runs of utterances of about CHUNK_FRAMES frames."""
    if not len(utterances):
        return []
    bins = np.cumsum(lengths[utterances]) // CHUNK_FRAMES
    return np.split(utterances, np.flatnonzero(np.diff(bins)) + 1)


def align_equally(
    graphs: PackedGraphs,
    hmm: Hmm,
    offsets: NDArray[np.int64],
    utterance_ids: list[str],
    seed: int,
    silence_phones: list[int] | None = None,
) -> Alignment:
    """A first alignment without a model (Kaldi's align-equal-compiled).

    The random choice of an utterance depends on its id alone, so sharding changes nothing.

    Args:
        silence_phones: phone ids; where given, every optional silence is taken.
    """
    is_silence = None
    if silence_phones is not None:
        is_silence = np.isin(hmm.transitions.phone_of, silence_phones)
    num_utterances = len(offsets) - 1
    transition_ids = np.zeros(offsets[-1], np.int32)
    score = np.full(num_utterances, -np.inf, np.float32)
    for u in range(num_utterances):
        graph = graphs.graphs[graphs.graph_of[u]]
        found = equal_alignment(
            int(offsets[u + 1] - offsets[u]),
            graph.initial,
            graph.first_arc,
            graph.arc_source,
            graph.arc_transition,
            hmm.transitions.is_self_loop,
            np.random.default_rng([seed, zlib.crc32(utterance_ids[u].encode())]),
            is_silence,
        )
        if found is not None:
            transition_ids[offsets[u] : offsets[u + 1]] = found
            score[u] = 0.0
    return Alignment(transition_ids, score, np.zeros(num_utterances, np.bool_))
