"""Forced alignment with a network, as with a GMM but on log posteriors less scaled log priors.

Source: Kaldi's steps/nnet/align.sh. The network takes its data piece by piece, so memory does not
grow with the hours of speech.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.align.files import AlignedPart
from pipeline.align.triage import measure
from pipeline.config import AlignOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import align_to_graphs
from pipeline.gmm.likelihoods import PdfLikelihoods
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.packed_graphs import PackedGraphs
from pipeline.nnet.forward import CHUNK_VALUES, forward
from pipeline.nnet.model_files import HybridModel


def align_with_network(
    model: HybridModel,
    hmm: Hmm,
    lang: Lang,
    features: FeatureSet,
    inputs: FeatureSet,
    options: AlignOptions,
    workers: Workers = SERIAL,
) -> Iterator[AlignedPart]:
    """Align every utterance to its transcript, a piece of the set after the other.

    Args:
        hmm: tree and transitions whose pdf_ids the network scores.
        features: the set's cepstra, whose levels triage looks at.
        inputs: the same utterances as the network reads them (cepstra or adapted features).
    """
    matrices: list[NDArray[np.float32]] = []
    first = 0
    for i, (_, matrix) in enumerate(forward(model, inputs)):
        matrices.append(matrix)
        full = sum(m.size for m in matrices) >= CHUNK_VALUES
        if full or i + 1 == features.num_utterances:
            piece = features.select(range(first, i + 1))
            likelihoods = network_likelihoods(np.concatenate(matrices))
            yield _align_piece(hmm, lang, piece, likelihoods, options, workers)
            matrices, first = [], i + 1


def network_likelihoods(log_likelihoods: NDArray[np.float32]) -> PdfLikelihoods:
    """Those of a (sum T, P) matrix."""

    def of_rows(rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        return log_likelihoods[rows[:, None], pdfs]

    return of_rows


def _align_piece(
    hmm: Hmm,
    lang: Lang,
    features: FeatureSet,
    likelihoods: PdfLikelihoods,
    options: AlignOptions,
    workers: Workers,
) -> AlignedPart:
    alignment = align_to_graphs(
        PackedGraphs(lang, hmm, features.texts),
        hmm,
        likelihoods,
        features.offsets,
        options,
        workers,
    )
    measured = measure(hmm, likelihoods, lang, features, alignment, workers)
    return AlignedPart(
        measured, alignment.score, alignment.retried, lambda: alignment.transition_ids
    )
