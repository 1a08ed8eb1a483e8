"""Forced alignment of a feature set: likelihoods of the needed pdfs, then Viterbi."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.soft_max import log_sum_exp
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.training_graph import GraphCompiler, TrainingGraph
from pipeline.hmm.viterbi import align_utterances, equal_alignment

NOT_ALIGNED = 0  # transition_id of the frames of an utterance without an alignment
GRAPH_ARRAYS = (
    *("node_pdf", "initial", "first_arc"),
    *("arc_source", "arc_transition", "arc_log_prob"),
)
CHUNK_FRAMES = 60_000
CACHED = 250_000  # products (1 MB) at a time: they are used again while still in the cache


class PdfLikelihoods(Protocol):
    """What a GMM or a network knows of a feature set: log p(x | pdf), up to a constant a frame."""

    def __call__(self, rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Some frames (R,) of the set and some pdf_ids (K,) -> (R, K), a new array."""


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


class PackedGraphs:
    """Training graphs of many utterances in flat arrays, equal transcripts once."""

    def __init__(self, lang: Lang, hmm: Hmm, texts: list[str]) -> None:
        compiler = GraphCompiler(lang, hmm)
        names = sorted(set(texts))
        index = {text: g for g, text in enumerate(names)}
        graphs = [compiler.compile(text) for text in names]
        self._pack(graphs, np.array([index[text] for text in texts], np.int32))

    def _pack(self, graphs: list[TrainingGraph], graph_of: NDArray[np.int32]) -> None:
        self.graphs, self.graph_of = graphs, graph_of
        self.pdf_offset = _offsets([len(g.pdfs) for g in graphs])
        self.node_offset = _offsets([g.num_nodes for g in graphs])
        self.arc_offset = _offsets([len(g.arc_source) for g in graphs])
        self.node_pdf = np.concatenate([g.node_pdf for g in graphs])
        self.initial = np.concatenate([g.initial for g in graphs])
        self.first_arc = np.concatenate([g.first_arc for g in graphs])
        self.arc_source = np.concatenate([g.arc_source for g in graphs])
        self.arc_transition = np.concatenate([g.arc_transition for g in graphs])
        self.arc_log_prob = np.concatenate([g.arc_log_prob for g in graphs])
        self.min_frames = np.array([g.min_frames for g in graphs], np.int64)

    def save(self, path: Path) -> None:
        """Write an npz file."""
        np.savez(
            path,
            graph_of=self.graph_of,
            min_frames=self.min_frames,
            pdfs=np.concatenate([g.pdfs for g in self.graphs]),
            sizes=np.stack([self.pdf_offset, self.node_offset, self.arc_offset]),
            **{name: getattr(self, name) for name in GRAPH_ARRAYS},
        )

    @classmethod
    def load(cls, path: Path) -> PackedGraphs:
        """Read what ``save`` wrote."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        pdf_offset, node_offset, arc_offset = arrays["sizes"].tolist()
        graphs = []
        for g, min_frames in enumerate(arrays["min_frames"].tolist()):
            nodes = slice(node_offset[g], node_offset[g + 1])
            arcs = slice(arc_offset[g], arc_offset[g + 1])
            graphs.append(
                TrainingGraph(
                    pdfs=arrays["pdfs"][pdf_offset[g] : pdf_offset[g + 1]],
                    node_pdf=arrays["node_pdf"][nodes],
                    initial=arrays["initial"][nodes],
                    first_arc=arrays["first_arc"][nodes.start + 2 * g : nodes.stop + 2 * (g + 1)],
                    arc_source=arrays["arc_source"][arcs],
                    arc_transition=arrays["arc_transition"][arcs],
                    arc_log_prob=arrays["arc_log_prob"][arcs],
                    min_frames=min_frames,
                )
            )
        packed = cls.__new__(cls)
        packed._pack(graphs, arrays["graph_of"])
        return packed


def _offsets(sizes: list[int]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def align(
    graphs: PackedGraphs,
    hmm: Hmm,
    gmm: AmDiagGmm,
    frames: NDArray[np.float32],
    offsets: NDArray[np.int64],
    beam: float,
    retry_beam: float,
    acoustic_scale: float = 0.1,
    transition_scale: float = 1.0,
    self_loop_scale: float = 0.1,
    silence_boost: tuple[NDArray[np.int32], float] | None = None,
    workers: Workers = SERIAL,
) -> Alignment:
    """Align every utterance to its graph with a GMM; see ``align_to_graphs``.

    Args:
        frames: (sum T, D); utterance u has rows offsets[u]..offsets[u + 1].
    """
    return align_to_graphs(
        graphs,
        hmm,
        gmm_likelihoods(gmm, frames),
        offsets,
        beam,
        retry_beam,
        acoustic_scale,
        transition_scale,
        self_loop_scale,
        silence_boost,
        workers,
    )


def align_to_graphs(
    graphs: PackedGraphs,
    hmm: Hmm,
    likelihoods: PdfLikelihoods,
    offsets: NDArray[np.int64],
    beam: float,
    retry_beam: float,
    acoustic_scale: float = 0.1,
    transition_scale: float = 1.0,
    self_loop_scale: float = 0.1,
    silence_boost: tuple[NDArray[np.int32], float] | None = None,
    workers: Workers = SERIAL,
) -> Alignment:
    """Align every utterance to its graph (Kaldi's gmm-align-compiled and align-compiled-mapped).

    Args:
        likelihoods: of the set's frames; utterance u has rows offsets[u]..offsets[u + 1].
        beam: in scaled score; ``retry_beam`` where it fails.
        silence_boost: silence pdf_ids and a factor on their likelihoods (gmm-boost-silence).
    """
    num_utterances = len(offsets) - 1
    scaled = hmm.transitions.scaled_log_probs(transition_scale, self_loop_scale)
    arc_score = (graphs.arc_log_prob + scaled[graphs.arc_transition]).astype(np.float32)
    lengths = np.diff(offsets)
    transition_ids = np.zeros(offsets[-1], np.int32)
    score = np.full(num_utterances, -np.inf, np.float32)
    retried = np.zeros(num_utterances, np.bool_)
    fits = lengths >= np.maximum(graphs.min_frames[graphs.graph_of], 1)
    by_graph = np.flatnonzero(fits)[np.argsort(graphs.graph_of[fits], kind="stable")]
    boost = np.zeros(hmm.num_pdfs, np.float32)
    if silence_boost is not None:
        boost[silence_boost[0]] = np.log(silence_boost[1])
    for chunk in _chunks(by_graph, lengths):
        graph_of = graphs.graph_of[chunk]
        likes, like_offset = _graph_likelihoods(
            graphs, likelihoods, offsets, chunk, acoustic_scale, boost, workers
        )
        frame_offset = np.concatenate(([0], np.cumsum(lengths[chunk])))
        result = np.zeros(frame_offset[-1], np.int32)
        chunk_score = np.empty(len(chunk), np.float32)
        chunk_retried = np.zeros(len(chunk), np.bool_)
        align_utterances(
            likes,
            like_offset,
            frame_offset,
            graph_of,
            graphs.pdf_offset,
            graphs.node_offset,
            graphs.node_pdf,
            graphs.initial,
            graphs.first_arc,
            graphs.arc_offset,
            graphs.arc_source,
            arc_score,
            graphs.arc_transition,
            np.float32(beam),
            np.float32(retry_beam),
            result,
            chunk_score,
            chunk_retried,
        )
        score[chunk] = chunk_score / lengths[chunk]
        retried[chunk] = chunk_retried
        for n, u in enumerate(chunk):
            if np.isfinite(chunk_score[n]):
                found = result[frame_offset[n] : frame_offset[n + 1]]
                transition_ids[offsets[u] : offsets[u + 1]] = found
    return Alignment(transition_ids, score, retried)


def _chunks(utterances: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Runs of utterances of about CHUNK_FRAMES frames."""
    if not len(utterances):
        return []
    bins = np.cumsum(lengths[utterances]) // CHUNK_FRAMES
    return np.split(utterances, np.flatnonzero(np.diff(bins)) + 1)


def _graph_likelihoods(
    graphs: PackedGraphs,
    likelihoods: PdfLikelihoods,
    offsets: NDArray[np.int64],
    chunk: NDArray[np.int64],
    acoustic_scale: float,
    boost: NDArray[np.float32],
    workers: Workers,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scaled log-likelihoods of each utterance's own pdfs, flat; and where each begins."""
    graph_of = graphs.graph_of[chunk]
    sizes = np.diff(offsets)[chunk] * np.diff(graphs.pdf_offset)[graph_of]
    like_offset = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)

    def of_graph(run: NDArray[np.int64]) -> NDArray[np.float32]:
        pdfs = graphs.graphs[graph_of[run[0]]].pdfs
        rows = np.concatenate([np.arange(offsets[u], offsets[u + 1]) for u in chunk[run]])
        likes = likelihoods(rows, pdfs)
        likes += boost[pdfs]
        likes *= np.float32(acoustic_scale)
        return likes.ravel()

    runs = np.split(np.arange(len(chunk)), np.flatnonzero(np.diff(graph_of)) + 1)
    return np.concatenate(workers.map(of_graph, runs)), like_offset


def gmm_likelihoods(gmm: AmDiagGmm, frames: NDArray[np.float32]) -> PdfLikelihoods:
    """Those of a GMM: ``frames`` (sum T, D) are the features that it models."""

    def of_rows(rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        return pdf_log_likelihoods(gmm, with_squares(frames[rows]), pdfs)

    return of_rows


def pdf_log_likelihoods(
    gmm: AmDiagGmm, squared: NDArray[np.float32], pdfs: NDArray[np.int32]
) -> NDArray[np.float32]:
    """log p(x | pdf) of some pdfs on one thread: (T, 2D) from ``with_squares`` -> (T, K)."""
    sizes = np.diff(gmm.offsets)[pdfs]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    index = np.repeat(gmm.offsets[pdfs] - starts[:-1], sizes) + np.arange(starts[-1])
    weights = np.ascontiguousarray(gmm.projection[index].T)
    constants = gmm.log_constants[index]
    out = np.empty((len(squared), len(pdfs)), np.float32)
    block = max(64, CACHED // len(index))
    for t in range(0, len(squared), block):
        log_sum_exp(squared[t : t + block] @ weights, constants, starts, out[t : t + block])
    return out


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
