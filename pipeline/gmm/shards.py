"""Training data in shards, so that memory does not grow with the hours of speech.

With one shard everything stays in memory. With more, one shard is there at a time; its features,
training graphs and alignment wait in a scratch folder (Kaldi's split data, fsts.*.gz and ali.*.gz).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.gmm.sorted_frames import SortedFrames
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.transform import FeatureTransform, SpeakerTransforms, apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.packed_graphs import PackedGraphs
from pipeline.io.archive import ArchiveFiles, read_scp
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines


@dataclass
class Shard:
    """Some utterances: how to load them, and what training keeps of them."""

    number: int
    load: Callable[[], FeatureSet]
    scratch: Path | None = None  # None: keep everything in memory
    _features: FeatureSet | None = None
    _plain: tuple[FeatureTransform, NDArray[np.float32]] | None = None
    _adapted: tuple[SpeakerTransforms, NDArray[np.float32]] | None = None
    _sorted: tuple[NDArray[np.float32], SortedFrames] | None = None
    _graphs: PackedGraphs | None = None
    _graphs_of: Hmm | None = None
    _alignment: NDArray[np.int32] | None = None

    def features(self) -> FeatureSet:
        """Utterances with frames before the transform."""
        if self.scratch is not None:
            return self._stored_features(self.scratch)
        if self._features is None:
            self._features = self.load()
        return self._features

    def _stored_features(self, scratch: Path) -> FeatureSet:
        """The features from the scratch folder; the first time they come from the corpus."""
        lists, frames = scratch / f"texts.{self.number}.json", scratch / f"frames.{self.number}.npy"
        if not lists.exists():
            found = self.load()
            np.save(frames, found.frames)
            names = [found.utterance_ids, found.speakers, found.texts, found.offsets.tolist()]
            lists.write_text(json.dumps(names), encoding="utf-8")
            return found
        utterance_ids, speakers, texts, offsets = json.loads(lists.read_text(encoding="utf-8"))
        return FeatureSet(
            utterance_ids, speakers, texts, np.load(frames), np.array(offsets, np.int64)
        )

    def frames(
        self,
        features: FeatureSet,
        transform: FeatureTransform,
        fmllr: SpeakerTransforms | None = None,
    ) -> NDArray[np.float32]:
        """(sum T, D) after the transform and, if given, each speaker's fMLLR."""
        if self._plain is not None and self._plain[0] is transform:
            plain = self._plain[1]
        else:
            plain = transform.apply(features.frames, features.offsets)
            self._adapted = None
            if self.scratch is None:
                self._plain = (transform, plain)
        if fmllr is None:
            return plain
        if self._adapted is not None and self._adapted[0] is fmllr:
            return self._adapted[1]
        adapted = apply_fmllr(plain, features.offsets, features.speakers, fmllr)
        if self.scratch is None:
            self._adapted = (fmllr, adapted)
        return adapted

    def sorted_frames(self, hmm: Hmm, frames: NDArray[np.float32]) -> SortedFrames:
        """Frames (sum T, D) of the shard laid out by the pdfs of its alignment."""
        if self._sorted is not None and self._sorted[0] is frames:
            return self._sorted[1]
        self._sorted = None  # its memory is free before the next ones need it
        found = SortedFrames.of(frames, sort_frames(hmm, self.alignment))
        if self.scratch is None:
            self._sorted = (frames, found)
        return found

    def graphs(self, lang: Lang, hmm: Hmm, features: FeatureSet) -> PackedGraphs:
        """Training graphs of the transcripts, made once for an HMM."""
        if self.scratch is None:
            if self._graphs is None or self._graphs_of is not hmm:
                self._graphs, self._graphs_of = PackedGraphs(lang, hmm, features.texts), hmm
            return self._graphs
        path = self.scratch / f"graphs.{self.number}.npz"
        if self._graphs_of is hmm:
            return PackedGraphs.load(path)
        graphs = PackedGraphs(lang, hmm, features.texts)
        graphs.save(path)
        self._graphs_of = hmm
        return graphs

    @property
    def alignment(self) -> NDArray[np.int32]:
        """(sum T,) transition_ids, 0 where there is no alignment."""
        if self.scratch is not None:
            found: NDArray[np.int32] = np.load(self.scratch / f"alignment.{self.number}.npy")
            return found
        assert self._alignment is not None
        return self._alignment

    @alignment.setter
    def alignment(self, transition_ids: NDArray[np.int32]) -> None:
        self._sorted = None
        if self.scratch is None:
            self._alignment = transition_ids
        else:
            np.save(self.scratch / f"alignment.{self.number}.npy", transition_ids)


def sort_frames(
    hmm: Hmm, transition_ids: NDArray[np.int32], without: NDArray[np.int32] | None = None
) -> FrameSort:
    """Frames by pdf; those not aligned, and the pdfs in ``without``, are left out."""
    taken = hmm.transitions.pdf_of.copy()
    taken[0] = -1
    if without is not None:
        taken[np.isin(taken, without)] = -1
    if hmm.num_pdfs < np.iinfo(np.int16).max:
        taken = taken.astype(np.int16)  # numpy sorts short integers in linear time
    return FrameSort.by_pdf(taken[transition_ids], hmm.num_pdfs)


def single_shard(features: FeatureSet) -> list[Shard]:
    """All data as one shard in memory."""
    return [Shard(0, lambda: features)]


def make_shards(
    cuts: Path, cmvn: Path, num_shards: int, scratch: Path, limit: int | None = None
) -> list[Shard]:
    """Shards of a set of cuts: contiguous shares, so that each needs few feature archives.

    Args:
        scratch: folder for what must not stay in memory; not used for one shard.
        limit: keeps that many of the shortest ones, as Kaldi's subset_data_dir --shortest.
    """
    if num_shards == 1:
        chosen = None if limit is None else _shortest(cuts, limit)
        return [Shard(0, lambda: load_feature_set(cuts, cmvn, indices=chosen))]
    kept = _shortest(cuts, limit)
    wanted = set(kept) if limit is not None else None
    taken = (c for u, c in enumerate(read_json_lines(cuts)) if wanted is None or u in wanted)
    num_shards = min(num_shards, max(len(kept), 1))
    bounds = [len(kept) * n // num_shards for n in range(num_shards + 1)]
    shards = []
    for number in range(num_shards):
        share = scratch / f"cuts.{number}.jsonl"
        write_json_lines(share, islice(taken, bounds[number + 1] - bounds[number]))
        shards.append(Shard(number, partial(load_feature_set, share, cmvn), scratch))
    return shards


def _shortest(cuts: Path, limit: int | None) -> list[int]:
    """Lines of the ``limit`` shortest utterances, or of all, ascending."""
    lengths = [cut["features"]["num_frames"] for cut in read_json_lines(cuts)]
    if limit is None or limit >= len(lengths):
        return list(range(len(lengths)))
    shortest: list[int] = np.sort(np.argsort(lengths, kind="stable")[:limit]).tolist()
    return shortest


def attach_alignments(shards: list[Shard], scp: Path) -> None:
    """Give every shard its alignments from an archive; an utterance without one gets zeros.

    Raises:
        UserError: an alignment is not as long as the utterance's features.
    """
    places = dict(read_scp(scp))
    for shard in shards:
        _attach(shard, scp, places)


def _attach(shard: Shard, scp: Path, places: dict[str, str]) -> None:
    features = shard.features()
    files = ArchiveFiles()
    transition_ids = np.zeros(features.num_frames, np.int32)
    for u, utterance_id in enumerate(features.utterance_ids):
        place = places.get(utterance_id)
        if place is None:
            continue
        values = files.int_vector(utterance_id, place)
        low, high = features.offsets[u], features.offsets[u + 1]
        if len(values) != high - low:
            raise UserError(
                f"{scp}: {utterance_id}: {len(values)} frames aligned, features have "
                f"{high - low}; run the alignment stage again"
            )
        transition_ids[low:high] = values
    shard.alignment = transition_ids
