"""LDA against scipy's generalised eigenvalue problem."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import eigh

from pipeline.gmm import lda
from pipeline.gmm.lda import LdaStatistics, estimate_lda


def labelled_frames(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Correlated frames (T, 6) of classes 0 to 4; class 3 is never seen, some frames have none."""
    rng = np.random.default_rng(seed)
    classes = rng.choice([-1, 0, 1, 2, 4], 1200).astype(np.int32)
    mix = rng.normal(0, 1, (6, 6))
    frames = rng.normal(0, 3, (6, 6))[classes] + rng.normal(0, 1, (1200, 6)) @ mix
    return frames.astype(np.float32), classes


def scatter(
    frames: NDArray[np.float32], classes: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Within-class and between-class covariance, class by class."""
    inside = frames[classes >= 0].astype(np.float64)
    within, between = np.zeros((6, 6)), np.zeros((6, 6))
    for c in range(5):
        mine = frames[classes == c].astype(np.float64)
        if len(mine):
            within += (mine - mine.mean(axis=0)).T @ (mine - mine.mean(axis=0))
            shift = mine.mean(axis=0) - inside.mean(axis=0)
            between += len(mine) * np.outer(shift, shift)
    return within / len(inside), between / len(inside)


def lda_of(frames: NDArray[np.float32], classes: NDArray[np.int32], dim: int) -> NDArray:
    stats = LdaStatistics.zeros(5, 6)
    stats.accumulate(frames, classes)
    return estimate_lda(stats, dim)


def test_rows_are_the_generalised_eigenvectors() -> None:
    frames, classes = labelled_frames()
    within, between = scatter(frames, classes)
    values, vectors = eigh(between, within)
    strongest = np.argsort(-values)[:3]
    found = lda_of(frames, classes, 3)
    for row, n in zip(found, strongest, strict=True):
        expected = vectors[:, n]  # scipy too makes the within-class variance one
        np.testing.assert_allclose(row, np.sign(row @ expected) * expected, atol=1e-6)
        assert row @ between @ row == pytest.approx(values[n])


def test_within_class_covariance_becomes_the_unit_and_classes_uncorrelated() -> None:
    frames, classes = labelled_frames(1)
    within, between = scatter(frames, classes)
    matrix = lda_of(frames, classes, 6)
    np.testing.assert_allclose(matrix @ within @ matrix.T, np.eye(6), atol=1e-6)
    ratios = matrix @ between @ matrix.T
    np.testing.assert_allclose(ratios, np.diag(np.diag(ratios)), atol=1e-6)
    assert np.diff(np.diag(ratios)).max() <= 1e-9  # strongest first


def test_statistics_do_not_depend_on_blocks_or_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, classes = labelled_frames()
    whole, parts = LdaStatistics.zeros(5, 6), LdaStatistics.zeros(5, 6)
    whole.accumulate(frames, classes)
    classes_with_gap = classes.copy()
    classes_with_gap[64:160] = -1  # a whole block without a class
    monkeypatch.setattr(lda, "BLOCK", 32)
    parts.accumulate(frames[:500], classes_with_gap[:500])
    parts.accumulate(frames[500:], classes_with_gap[500:])
    gap = (classes >= 0) & (classes_with_gap < 0)
    parts.accumulate(frames[gap], classes[gap])
    np.testing.assert_array_equal(parts.count, whole.count)
    np.testing.assert_allclose(parts.total, whole.total, rtol=1e-9)
    np.testing.assert_allclose(parts.second, whole.second, rtol=1e-9)


def test_fewer_than_two_frames_a_dimension_are_refused() -> None:
    frames, _ = labelled_frames()
    classes = np.array([0, 1] * 6, np.int32)
    assert lda_of(frames[:12], classes, 2).shape == (2, 6)
    classes[0] = -1
    with pytest.raises(ValueError, match="11 frames are too few"):
        lda_of(frames[:12], classes, 2)
