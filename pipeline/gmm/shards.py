"""Training data in shards, so that memory does not grow with the hours of speech.

With one shard everything stays in memory. With more, one shard's features are there at a time, and
its alignment waits in a scratch folder (Kaldi's split data and ali.*.gz).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import PackedGraphs
from pipeline.gmm.transform import FeatureTransform, SpeakerTransforms, apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm


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
