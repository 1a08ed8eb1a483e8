"""All utterances of a set in one array, as training and decoding read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.features.cmvn import apply_cmvn, read_cmvn
from pipeline.io.archive import ArchiveFiles
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines


@dataclass(frozen=True)
class FeatureSet:
    """U utterances of sum_T frames in all.

    Attributes:
        utterance_ids, speakers, texts: (U,) each; a text is its words joined by single spaces.
        frames: (sum_T, F) float32, C-contiguous, utterance after utterance.
        offsets: (U + 1,) int64; utterance i is frames[offsets[i]:offsets[i + 1]].
    """

    utterance_ids: list[str]
    speakers: list[str]
    texts: list[str]
    frames: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]

    @property
    def num_utterances(self) -> int:
        """U."""
        return len(self.utterance_ids)

    @property
    def num_frames(self) -> int:
        """sum_T."""
        return len(self.frames)

    @property
    def dim(self) -> int:
        """F."""
        return int(self.frames.shape[1])

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(U,) frames of each utterance."""
        return np.diff(self.offsets)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Place of each utterance_id."""
        return {utterance_id: i for i, utterance_id in enumerate(self.utterance_ids)}

    def utterance(self, i: int) -> npt.NDArray[np.float32]:
        """The (T, F) frames of utterance i; a view."""
        return self.frames[self.offsets[i] : self.offsets[i + 1]]

    def with_frames(self, frames: npt.NDArray[np.float32]) -> FeatureSet:
        """The same utterances with other (sum_T, any) frames, e.g. spliced or transformed ones."""
        if len(frames) != self.num_frames:
            raise ValueError(f"{len(frames)} frames given for {self.num_frames}")
        return replace(self, frames=np.ascontiguousarray(frames, dtype=np.float32))

    def select(self, indices: Sequence[int]) -> FeatureSet:
        """The utterances at `indices`, in that order, copied into a new set."""
        blocks = [self.utterance(i) for i in indices]
        return FeatureSet(
            [self.utterance_ids[i] for i in indices],
            [self.speakers[i] for i in indices],
            [self.texts[i] for i in indices],
            np.concatenate([*blocks, np.empty((0, self.dim), np.float32)]),
            _offsets([len(block) for block in blocks]),
        )


def _offsets(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def load_feature_set(
    cuts_path: Path | str,
    cmvn_path: Path | str | None = None,
    norm_vars: bool = False,
    indices: Sequence[int] | None = None,
) -> FeatureSet:
    """Read the features that a cuts manifest points to, normalised a speaker if `cmvn_path`.

    Args:
        cuts_path: lhotse MonoCuts, one supervision each, features in Kaldi archives.
        cmvn_path: archive of (2, F + 1) statistics by speaker; None leaves the frames as they are.
        norm_vars: divide by the standard deviation too.
        indices: which lines of the manifest to read, ascending; None: all.
    Returns:
        The utterances in the order of the manifest.
    Raises:
        UserError: no cuts, an archive is damaged, or its sizes are not those of the manifest.
    """
    cuts = list(read_json_lines(cuts_path))
    if indices is not None:
        cuts = [cuts[i] for i in indices]
    if not cuts:
        raise UserError(f"{cuts_path}: holds no utterance; see rejected.tsv of the data stage")
    try:
        ids = [str(cut["id"]) for cut in cuts]
        texts = [" ".join(cut["supervisions"][0]["text"].split()) for cut in cuts]
        speakers = [str(cut["supervisions"][0]["speaker"]) for cut in cuts]
        places = [str(cut["features"]["storage_path"]) for cut in cuts]
        offsets = _offsets([_size(cut["features"]["num_frames"]) for cut in cuts])
        dim = _size(cuts[0]["features"]["num_features"])
        frames = np.empty((int(offsets[-1]), dim), np.float32)
    except (LookupError, TypeError, AttributeError, ValueError, MemoryError) as error:
        raise UserError(
            f"{cuts_path}: not cuts with features ({error!r}); run the features stage again"
        ) from None
    files = ArchiveFiles()
    for i, place in enumerate(places):
        block = files.matrix(ids[i], place)
        span = frames[offsets[i] : offsets[i + 1]]
        if block.shape != span.shape:
            raise UserError(
                f"{place}: utterance {ids[i]}: holds {block.shape[0]} frames of "
                f"{block.shape[1]} values, {cuts_path} says {span.shape}; extract features again"
            )
        span[:] = block
    if cmvn_path is not None:
        try:
            frames = apply_cmvn(frames, offsets, speakers, read_cmvn(cmvn_path), norm_vars)
        except UserError as error:
            raise UserError(f"{cmvn_path}: {error}") from None
    return FeatureSet(ids, speakers, texts, frames, offsets)


def _size(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise ValueError(f"{value!r} is no size")
    return value
