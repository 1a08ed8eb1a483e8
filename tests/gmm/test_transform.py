"""Feature transforms: splicing with a matrix, MLLT on top of it, and each speaker's fMLLR."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from pipeline.features.deltas import add_deltas
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.transform import FeatureTransform, adapt_features, apply_fmllr
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError

RNG = np.random.default_rng(51)
OFFSETS = np.array([0, 5, 6, 13])
FRAMES = RNG.normal(0, 1, (13, 3)).astype(np.float32)
MATRIX = RNG.normal(0, 1, (4, 15))
SPEAKERS = ["anna", "ben", "anna"]
FMLLR = {"anna": RNG.normal(0, 1, (4, 5)), "carl": RNG.normal(0, 1, (4, 5))}


def spliced_by_hand() -> np.ndarray:
    """Each frame with two neighbours at each side, edges repeated, times MATRIX."""
    rows = []
    for low, high in itertools.pairwise(OFFSETS):
        for t in range(low, high):
            stacked = [FRAMES[min(max(t + shift, low), high - 1)] for shift in range(-2, 3)]
            rows.append(MATRIX @ np.concatenate(stacked))
    return np.array(rows)


def test_frames_are_spliced_and_multiplied() -> None:
    transform = FeatureTransform(context=2, matrix=MATRIX)
    np.testing.assert_allclose(transform.apply(FRAMES, OFFSETS), spliced_by_hand(), atol=1e-5)


def test_without_a_matrix_there_are_deltas_or_only_neighbours() -> None:
    deltas = FeatureTransform().apply(FRAMES, OFFSETS)
    np.testing.assert_array_equal(deltas, add_deltas(FRAMES, OFFSETS, 2))
    assert FeatureTransform(context=2).apply(FRAMES, OFFSETS).shape == (13, 15)


def test_a_square_matrix_comes_after_the_first() -> None:
    square = RNG.normal(0, 1, (4, 4))
    transform = FeatureTransform(context=2, matrix=MATRIX).then(square)
    expected = spliced_by_hand() @ square.T
    np.testing.assert_allclose(transform.apply(FRAMES, OFFSETS), expected, atol=1e-4)


def test_each_speaker_has_a_transform_or_keeps_the_frames() -> None:
    plain = RNG.normal(0, 1, (13, 4)).astype(np.float32)
    found = apply_fmllr(plain, OFFSETS, SPEAKERS, FMLLR)
    for t in range(13):
        x = plain[t].astype(np.float64)
        expected = x if t == 5 else FMLLR["anna"][:, :4] @ x + FMLLR["anna"][:, 4]
        np.testing.assert_allclose(found[t], expected, atol=1e-5)


@pytest.mark.parametrize("transform", [FeatureTransform(1), FeatureTransform(2, 2, MATRIX)])
def test_a_saved_transform_is_read_back_the_same(
    tmp_path: Path, transform: FeatureTransform
) -> None:
    transform.save(tmp_path / "transform.safetensors")
    again = FeatureTransform.load(tmp_path / "transform.safetensors")
    assert (again.delta_order, again.context) == (transform.delta_order, transform.context)
    expected = transform.apply(FRAMES, OFFSETS)
    np.testing.assert_array_equal(again.apply(FRAMES, OFFSETS), expected)


def test_features_of_an_adapted_rung_from_its_files(tmp_path: Path) -> None:
    transform = FeatureTransform(context=2, matrix=MATRIX)
    transform.save(tmp_path / "transform.safetensors")
    write_matrices(tmp_path / "fmllr.ark", None, sorted(FMLLR.items()))
    features = FeatureSet(["u1", "u2", "u3"], SPEAKERS, ["a", "b", "c"], FRAMES, OFFSETS)
    adapted = adapt_features(features, tmp_path / "transform.safetensors", tmp_path / "fmllr.ark")
    plain = transform.apply(FRAMES, OFFSETS)
    expected = apply_fmllr(plain, OFFSETS, SPEAKERS, FMLLR)
    np.testing.assert_allclose(adapted.frames, expected, atol=1e-5)
    assert adapted.utterance_ids == features.utterance_ids


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "transform.safetensors"
    FeatureTransform(2, 2, MATRIX).save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"transform\.safetensors: damaged"):
        FeatureTransform.load(path)
