"""One graph given to the compiled Viterbi search, and a plain check of a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.training_graph import TrainingGraph
from pipeline.hmm.viterbi import Table, align_utterances


def best_path(
    graph: TrainingGraph,
    log_likes: NDArray[np.float64],
    scaled_log_probs: NDArray[np.float64],
    beam: float = 1e6,
    retry_beam: float = 1e6,
) -> tuple[NDArray[np.int32], float, bool]:
    """transition_ids (T,), score and whether the retry beam was needed; (T, P) log-likelihoods."""
    likes = log_likes[:, graph.pdfs].astype(np.float32)
    result = np.zeros(len(likes), np.int32)
    score = np.empty(1, np.float32)
    retried = np.zeros(1, np.bool_)
    align_utterances(
        Table(likes.ravel(), np.zeros(1, np.int64)),
        np.zeros(1, np.int64),
        np.array([0, len(likes)]),
        np.zeros(1, np.int32),
        np.array([0, len(graph.pdfs)]),
        np.array([0, graph.num_nodes]),
        graph.node_pdf,
        graph.initial,
        graph.first_arc,
        np.array([0, len(graph.arc_source)]),
        graph.arc_source,
        (graph.arc_log_prob + scaled_log_probs[graph.arc_transition]).astype(np.float32),
        graph.arc_transition,
        np.float32(beam),
        np.float32(retry_beam),
        result,
        score,
        retried,
    )
    return result, float(score[0]), bool(retried[0])


def accepts(graph: TrainingGraph, transition_ids: Sequence[int]) -> bool:
    """Whether some path from a start to the exit has these transition_ids."""
    at = set(np.flatnonzero(np.isfinite(graph.initial)).tolist())
    for transition_id in transition_ids:
        after = set()
        for node in range(graph.num_nodes + 1):
            for arc in range(graph.first_arc[node], graph.first_arc[node + 1]):
                if graph.arc_source[arc] in at and graph.arc_transition[arc] == transition_id:
                    after.add(node)
        at = after
    return graph.num_nodes in at
