"""WER of the utterances that training held out, with the weights of each of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.decode.best_path import best_paths
from pipeline.decode.decode import Search, batches
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.options import Setting
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.averaging import load_epoch
from pipeline.nnet.forward import forward
from pipeline.nnet.model_files import HybridModel
from pipeline.score.references import Reference
from pipeline.score.wer import Alignments, total

Row = dict[str, Any]


def wer_by_epoch(
    model: HybridModel,
    epochs: Mapping[int, Path],
    held_out: FeatureSet,
    graph: SearchGraph,
    search: Search,
    setting: Setting,
) -> list[Row]:
    """Decode and score once for each epoch; the best path at one setting counts.

    Args:
        model: the trained network; it ends with the weights of the last epoch.
        epochs: epoch -> its weights, see ``nnet.averaging.kept_epochs``.
        held_out: features and texts of the utterances.
        graph: of the network.
        search: in that graph.
        setting: LM weight and insertion penalty, fixed before any result.
    Returns:
        For each epoch: epoch, wer (per cent), errors, words (of the reference).
    Raises:
        UserError: the texts have no word, or weights or graph are of another network.
    """
    spoken = zip(held_out.utterance_ids, held_out.speakers, held_out.texts, strict=True)
    references = {name: Reference(name, who, tuple(text.split())) for name, who, text in spoken}
    if not any(reference.words for reference in references.values()):
        raise UserError("held-out utterances: no reference word, so no error rate; hold out more")
    if model.network.num_pdfs != graph.num_pdfs:
        raise UserError(
            f"the network has {model.network.num_pdfs} pdfs, the graph {graph.num_pdfs}; "
            "make the graph of this network"
        )
    alignments = Alignments(references)
    rows = []
    for epoch, weights in epochs.items():
        load_epoch(model.network, weights)
        good = (
            Utterance(name, np.ascontiguousarray(log_likes, np.float32))
            for name, log_likes in forward(model, held_out)
            if len(log_likes) and np.isfinite(log_likes).all()  # the others: all words deleted
        )
        found = {
            path.utterance_id: tuple(graph.words.name(word) for word in path.words)
            for group in batches(good)
            for path in best_paths(search.decode(group), [setting])
        }
        counts = total(alignments.by_utterance(found).values())
        rows.append(
            {"epoch": epoch, "wer": counts.wer, "errors": counts.errors, "words": counts.words}
        )
    return rows
