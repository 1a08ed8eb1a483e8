"""Two-pass fMLLR for speaker-adapted models: search, align what was found, estimate, twice.

Source: Kaldi's steps/decode_fmllr.sh; here the posteriors come from the Viterbi alignment of the
best path instead of the lattice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.align.forced import adapt
from pipeline.config import AlignOptions, DecodeOptions
from pipeline.decode.compiled_lattice import best_paths
from pipeline.decode.decode import batches
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.native_search import NativeSearch
from pipeline.decode.options import SearchOptions, Setting
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import align
from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.hmm.packed_graphs import PackedGraphs

NUM_PASSES = 2


def adapt_by_decoding(
    model: GmmModel,
    lang: Lang,
    features: FeatureSet,
    plain: NDArray[np.float32],
    graph: SearchGraph,
    options: DecodeOptions,
) -> Mapping[str, NDArray[np.float64]]:
    """Each speaker's fMLLR from unsupervised transcripts of all the speaker's utterances.

    Args:
        features: the test set; its transcripts are not looked at.
        plain: (sum T, D), its frames after the model's transform.
        graph: of the model's HMM.
    Returns:
        speaker -> (D, D + 1); a speaker with too little speech has none.
    """
    search_options = SearchOptions(
        beam=options.beam,
        lattice_beam=1e-3,
        max_active=options.max_active,
        lm_weight=options.lm_weight,
    )
    search = NativeSearch(graph, search_options)
    setting = Setting(options.lm_weight, options.insertion_penalty)
    offsets, speakers = features.offsets, features.speakers
    transforms: Mapping[str, NDArray[np.float64]] | None = None
    gmm, frames = model.first_pass, plain
    for _ in range(NUM_PASSES):
        found = _recognise(search, setting, gmm, features, frames)
        # An utterance of which nothing was recognised teaches nothing: an empty path has no speech.
        named = [" ".join(graph.words.name(w) for w in ids) for ids in found]
        hypotheses = replace(features, texts=named)
        alignment = align(
            PackedGraphs(lang, model.hmm, named),
            model.hmm,
            gmm,
            frames,
            offsets,
            AlignOptions(),
        )
        transforms = adapt(model, lang, hypotheses, plain, alignment.transition_ids, transforms)
        gmm, frames = model.gmm, apply_fmllr(plain, offsets, speakers, transforms)
    assert transforms is not None
    return transforms


def _recognise(
    search: NativeSearch,
    setting: Setting,
    gmm: AmDiagGmm,
    features: FeatureSet,
    frames: NDArray[np.float32],
) -> list[tuple[int, ...]]:
    """Word ids of the best path of each utterance."""
    utterances = (
        Utterance(
            utterance_id,
            gmm.log_likelihoods(
                with_squares(frames[features.offsets[u] : features.offsets[u + 1]])
            ),
        )
        for u, utterance_id in enumerate(features.utterance_ids)
        if features.lengths[u]
    )
    found: dict[str, tuple[int, ...]] = {}
    for group in batches(utterances):
        for path in best_paths(search.decode(group), [setting]):
            found[path.utterance_id] = path.words
    return [found.get(utterance_id, ()) for utterance_id in features.utterance_ids]
