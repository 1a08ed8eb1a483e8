"""Final alignment of a set with a trained rung (Kaldi's steps/align_si.sh and align_fmllr.sh)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.config import AlignOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import Alignment, PackedGraphs, align
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.fmllr import FmllrStatistics, estimate_fmllr
from pipeline.gmm.model import GmmModel
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.train import silence_pdfs
from pipeline.gmm.transform import apply_fmllr
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.lang import Lang

SpeakerTransforms = Mapping[str, NDArray[np.float64]]


def align_features(
    model: GmmModel,
    lang: Lang,
    features: FeatureSet,
    options: AlignOptions,
    workers: Workers = SERIAL,
) -> tuple[Alignment, dict[str, NDArray[np.float64]]]:
    """Align every utterance to its transcript.

    An adapted (SAT) model is used in two passes: the speaker-independent mixtures align, fMLLR is
    estimated on that, and the adapted mixtures align again.

    Args:
        features: frames before the model's transform.
    Returns:
        The alignment, and each speaker's fMLLR (empty for a model that is not adapted).
    """
    graphs = PackedGraphs(lang, model.hmm, features.texts)
    plain = model.transform.apply(features.frames, features.offsets)

    def run(gmm: AmDiagGmm, frames: NDArray[np.float32]) -> Alignment:
        return align(
            graphs,
            model.hmm,
            gmm,
            frames,
            features.offsets,
            options.beam,
            options.retry_beam,
            options.acoustic_scale,
            options.transition_scale,
            options.self_loop_scale,
            workers=workers,
        )

    first = run(model.first_pass, plain)
    if not model.is_adapted:
        return first, {}
    transforms = adapt(model, lang, features, plain, first.transition_ids, None, workers)
    adapted = apply_fmllr(plain, features.offsets, features.speakers, transforms)
    return run(model.gmm, adapted), transforms


def adapt(
    model: GmmModel,
    lang: Lang,
    features: FeatureSet,
    plain: NDArray[np.float32],
    transition_ids: NDArray[np.int32],
    current: SpeakerTransforms | None,
    workers: Workers = SERIAL,
) -> dict[str, NDArray[np.float64]]:
    """fMLLR of each speaker on an alignment; silence does not count.

    Args:
        plain: (sum T, D) after the model's transform.
        current: transforms so far, whose adapted features give the posteriors; without them the
            speaker-independent mixtures do.
    """
    pdf = model.hmm.transitions.pdf_of[transition_ids]
    pdf = np.where(np.isin(pdf, silence_pdfs(lang, model.hmm)), np.int32(-1), pdf)
    sort = FrameSort.by_pdf(pdf, model.hmm.num_pdfs)
    stats = FmllrStatistics()
    if current is None:
        posterior_model, posterior_frames = model.first_pass, plain
    else:
        posterior_model = model.gmm
        posterior_frames = apply_fmllr(plain, features.offsets, features.speakers, current)
    stats.accumulate(
        posterior_model,
        model.gmm,
        posterior_frames,
        plain,
        features.offsets,
        features.speakers,
        sort,
        workers,
    )
    return estimate_fmllr(stats)[0]
