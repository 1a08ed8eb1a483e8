"""Training data in shards, so that memory does not grow with the hours of speech.

With one shard everything stays in memory. With more, one shard's features are there at a time, and
its alignment waits in a scratch folder (Kaldi's split data and ali.*.gz).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import GmmOptions
from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.gmm.aligner import PackedGraphs
from pipeline.gmm.transform import FeatureTransform, SpeakerTransforms, apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.archive import read_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines


@dataclass
class Shard:
    """Some utterances: how to load them, and what training keeps of them."""

    number: int
    load: Callable[[], FeatureSet]
    scratch: Path | None = None  # None: keep everything in memory
    _features: FeatureSet | None = None
    _frames: tuple[object, object, NDArray[np.float32]] | None = None
    _graphs: tuple[Hmm, PackedGraphs] | None = None
    _arrays: dict[str, NDArray[np.int32]] = field(default_factory=dict)

    def features(self) -> FeatureSet:
        """Utterances with frames before the transform."""
        if self._features is not None:
            return self._features
        features = self.load()
        if self.scratch is None:
            self._features = features
        return features

    def frames(
        self,
        features: FeatureSet,
        transform: FeatureTransform,
        fmllr: SpeakerTransforms | None = None,
    ) -> NDArray[np.float32]:
        """(sum T, D) after the transform and, if given, each speaker's fMLLR."""
        if self._frames is not None and self._frames[0] is transform and self._frames[1] is fmllr:
            return self._frames[2]
        frames = transform.apply(features.frames, features.offsets)
        if fmllr is not None:
            frames = apply_fmllr(frames, features.offsets, features.speakers, fmllr)
        if self.scratch is None:
            self._frames = (transform, fmllr, frames)
        return frames

    def graphs(self, lang: Lang, hmm: Hmm, features: FeatureSet) -> PackedGraphs:
        """Training graphs of the transcripts."""
        if self._graphs is not None and self._graphs[0] is hmm:
            return self._graphs[1]
        graphs = PackedGraphs(lang, hmm, features.texts)
        if self.scratch is None:
            self._graphs = (hmm, graphs)
        return graphs

    @property
    def alignment(self) -> NDArray[np.int32]:
        """(sum T,) transition_ids, 0 where there is no alignment."""
        if self.scratch is None:
            return self._arrays["alignment"]
        found: NDArray[np.int32] = np.load(self.scratch / f"alignment.{self.number}.npy")
        return found

    @alignment.setter
    def alignment(self, transition_ids: NDArray[np.int32]) -> None:
        if self.scratch is None:
            self._arrays["alignment"] = transition_ids
        else:
            np.save(self.scratch / f"alignment.{self.number}.npy", transition_ids)


def single_shard(features: FeatureSet) -> list[Shard]:
    """All data as one shard in memory."""
    return [Shard(0, lambda: features)]


def make_shards(cuts: Path, cmvn: Path, options: GmmOptions, scratch: Path) -> list[Shard]:
    """Shards of a set of cuts: utterance u belongs to shard u mod ``num_shards``.

    ``max_training_utterances`` keeps the shortest ones, as Kaldi's subset_data_dir --shortest.
    """
    lengths = [cut["features"]["num_frames"] for cut in read_json_lines(cuts)]
    kept = np.arange(len(lengths))
    limit = options.max_training_utterances
    if limit is not None and limit < len(lengths):
        kept = np.sort(np.argsort(lengths, kind="stable")[:limit])
    if options.num_shards == 1:
        chosen = kept.tolist()
        return [Shard(0, lambda: load_feature_set(cuts, cmvn, indices=chosen))]
    return [
        Shard(
            number,
            partial(
                load_feature_set, cuts, cmvn, indices=kept[number :: options.num_shards].tolist()
            ),
            scratch,
        )
        for number in range(options.num_shards)
    ]


def attach_alignments(shards: list[Shard], scp: Path) -> None:
    """Give every shard its alignments from an archive; an utterance without one gets zeros.

    Raises:
        UserError: an alignment is not as long as the utterance's features.
    """
    for shard in shards:
        features = shard.features()
        transition_ids = np.zeros(features.num_frames, np.int32)
        for utterance_id, values in read_int_vectors(scp):
            index = features.index_of.get(utterance_id)
            if index is None:
                continue
            low, high = features.offsets[index], features.offsets[index + 1]
            if len(values) != high - low:
                raise UserError(
                    f"{scp}: {utterance_id}: {len(values)} frames aligned, features have "
                    f"{high - low}; run the alignment stage again"
                )
            transition_ids[low:high] = values
        shard.alignment = transition_ids
