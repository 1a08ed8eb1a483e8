"""Frame-level transforms in front of the mixtures: deltas, or splicing with a matrix, and fMLLR."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipeline.features.deltas import add_deltas, splice
from pipeline.features.feature_set import FeatureSet
from pipeline.io.archive import read_matrices
from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError

BLOCK = 4096  # frames that are spliced at a time: they stay in the cache
SpeakerTransforms = Mapping[str, NDArray[np.float64]]  # speaker -> (D, D + 1)


@dataclass(frozen=True)
class FeatureTransform:
    """Deltas of ``delta_order``; or ±``context`` frames spliced, by ``matrix`` (K, F·(2c + 1))."""

    delta_order: int = 2
    context: int = 0
    matrix: NDArray[np.float64] | None = None

    def apply(self, frames: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """(sum T, F) -> (sum T, D)."""
        if self.context == 0 and self.matrix is None:
            return add_deltas(frames, offsets, self.delta_order)
        if self.matrix is None:
            return splice(frames, offsets, self.context, self.context)
        out = np.empty((len(frames), len(self.matrix)), np.float32)
        matrix = self.matrix.T.astype(np.float32)
        for first, last in _runs(offsets):
            low, high = offsets[first], offsets[last]
            own = offsets[first : last + 1] - low
            spliced = splice(frames[low:high], own, self.context, self.context)
            out[low:high] = spliced @ matrix
        return out

    def then(self, square: NDArray[np.float64]) -> FeatureTransform:
        """Followed by a square matrix (MLLT)."""
        assert self.matrix is not None
        return replace(self, matrix=square @ self.matrix)

    def save(self, path: Path) -> None:
        """Write transform.safetensors."""
        tensors = {"delta_order": np.array(self.delta_order), "context": np.array(self.context)}
        if self.matrix is not None:
            tensors["matrix"] = np.ascontiguousarray(self.matrix)
        write_bytes(path, save(tensors))

    @classmethod
    def load(cls, path: Path) -> FeatureTransform:
        """Read transform.safetensors.

        Raises:
            UserError: the file is damaged.
        """
        try:
            tensors = load_file(path)
            return cls(int(tensors["delta_order"]), int(tensors["context"]), tensors.get("matrix"))
        except (SafetensorError, KeyError) as error:
            raise UserError(f"{path}: damaged model file ({error}); run its stage again") from None


def _runs(offsets: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Utterances first..last - 1 of about BLOCK frames each."""
    blocks = offsets[:-1] // BLOCK
    edges = np.flatnonzero(np.diff(blocks)) + 1
    bounds = [0, *edges.tolist(), len(blocks)]
    return [(a, b) for a, b in itertools.pairwise(bounds) if a < b]


def apply_fmllr(
    frames: NDArray[np.float32],
    offsets: NDArray[np.int64],
    speakers: Sequence[str],
    transforms: SpeakerTransforms,
) -> NDArray[np.float32]:
    """A x + b with each speaker's [A b]; a speaker without one keeps the frames."""
    out = frames.copy()
    for speaker in sorted(set(speakers)):
        matrix = transforms.get(speaker)
        if matrix is None:
            continue
        affine = matrix.astype(np.float32)
        rows = speaker_frames(offsets, speakers, speaker)
        out[rows] = frames[rows] @ affine[:, :-1].T + affine[:, -1]
    return out


def adapt_features(features: FeatureSet, transform: Path, fmllr: Path) -> FeatureSet:
    """A set's features as an adapted rung sees them.

    Args:
        features: frames (sum T, F) before any transform.
        transform: the rung's transform.safetensors.
        fmllr: archive of (D, D + 1) matrices by speaker; a speaker without one is left as is.
    Returns:
        The same utterances with (sum T, D) frames.
    """
    plain = FeatureTransform.load(transform).apply(features.frames, features.offsets)
    transforms = {speaker: matrix.astype(np.float64) for speaker, matrix in read_matrices(fmllr)}
    adapted = apply_fmllr(plain, features.offsets, features.speakers, transforms)
    return features.with_frames(adapted)


def speaker_frames(
    offsets: NDArray[np.int64], speakers: Sequence[str], speaker: str
) -> NDArray[np.int64]:
    """Indices of all frames of a speaker."""
    return np.concatenate(
        [np.arange(offsets[u], offsets[u + 1]) for u, s in enumerate(speakers) if s == speaker]
    )
