"""Final alignment of a set with a trained rung (Kaldi's steps/align_si.sh and align_fmllr.sh)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import AlignOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import Alignment, align
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.fmllr import FmllrStatistics, estimate_fmllr
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard, single_shard, sort_frames
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.transform import apply_fmllr
from pipeline.gmm.workers import SERIAL, Workers, one_blas_thread
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

    Args:
        features: frames before the model's transform.
    Returns:
        The alignment, and each speaker's fMLLR (empty for a model that is not adapted).
    """
    (found,), transforms = align_shards(model, lang, single_shard(features), options, workers)
    return found.with_transition_ids(), transforms


@dataclass(frozen=True)
class AlignedShard:
    """A shard with its alignment set, and what is known of its utterances (U,)."""

    shard: Shard
    score: NDArray[np.float32]
    retried: NDArray[np.bool_]

    def with_transition_ids(self) -> Alignment:
        """The whole alignment of the shard."""
        return Alignment(self.shard.alignment, self.score, self.retried)


@one_blas_thread
def align_shards(
    model: GmmModel,
    lang: Lang,
    shards: Sequence[Shard],
    options: AlignOptions,
    workers: Workers = SERIAL,
) -> tuple[list[AlignedShard], dict[str, NDArray[np.float64]]]:
    """Align every utterance of every shard, one shard in memory at a time.

    An adapted (SAT) model is used in two passes: the speaker-independent mixtures align, fMLLR is
    estimated on that, and the adapted mixtures align again.

    Returns:
        The shards in their order, and each speaker's fMLLR (empty for a model that is not adapted).
    """

    def run(shard: Shard, gmm: AmDiagGmm, fmllr: SpeakerTransforms | None) -> AlignedShard:
        features = shard.features()
        found = align(
            shard.graphs(lang, model.hmm, features),
            model.hmm,
            gmm,
            shard.frames(features, model.transform, fmllr),
            features.offsets,
            options,
        )
        shard.alignment = found.transition_ids
        return AlignedShard(shard, found.score, found.retried)

    aligned = [run(shard, model.first_pass, None) for shard in shards]
    if not model.is_adapted:
        return aligned, {}
    stats = FmllrStatistics()
    for shard in shards:
        features = shard.features()
        plain = shard.frames(features, model.transform)
        sort = _spoken_frames(model, lang, shard.alignment)
        _accumulate(stats, model, features, plain, sort, None, workers)
        del features, plain, sort  # before the next shard comes
    transforms, _ = estimate_fmllr(stats, workers=workers)
    return [run(shard, model.gmm, transforms) for shard in shards], transforms


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
        plain, current: as of `adapt_to_frames`.
    """
    sort = _spoken_frames(model, lang, transition_ids)
    return adapt_to_frames(model, features, plain, sort, current, workers)


@one_blas_thread
def adapt_to_frames(
    model: GmmModel,
    features: FeatureSet,
    plain: NDArray[np.float32],
    sort: FrameSort,
    current: SpeakerTransforms | None = None,
    workers: Workers = SERIAL,
) -> dict[str, NDArray[np.float64]]:
    """fMLLR of each speaker on the frames that count, by pdf.

    Args:
        plain: (sum T, D) after the model's transform.
        current: transforms so far, whose adapted features give the posteriors; without them the
            speaker-independent mixtures do.
    """
    stats = FmllrStatistics()
    _accumulate(stats, model, features, plain, sort, current, workers)
    return estimate_fmllr(stats, workers=workers)[0]


def _spoken_frames(model: GmmModel, lang: Lang, transition_ids: NDArray[np.int32]) -> FrameSort:
    """Aligned frames by pdf, without silence."""
    silence = model.hmm.pdfs_of(lang.silence_phone_ids())
    return sort_frames(model.hmm, transition_ids, silence)


def _accumulate(
    stats: FmllrStatistics,
    model: GmmModel,
    features: FeatureSet,
    plain: NDArray[np.float32],
    sort: FrameSort,
    current: SpeakerTransforms | None,
    workers: Workers,
) -> None:
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
