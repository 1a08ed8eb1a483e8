"""MLLT against the likelihood that it claims to raise, and against numerical maximisation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.mllt import MlltStatistics, estimate_mllt, mllt_objective, transform_means
from tests.gmm.toy import plain_posteriors, random_gmm, sample, sort_of

DIM = 3
Setup = tuple[AmDiagGmm, NDArray[np.float32], NDArray[np.int32], MlltStatistics]


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Frames whose dimensions are correlated; the mixtures are those of the plain ones."""
    rng = np.random.default_rng(31)
    gmm = random_gmm(rng, [1, 3, 2], DIM)
    frames, pdfs = sample(gmm, rng, 250)
    frames = frames @ np.array([[1, 0.5, 0], [0, 1, -0.4], [0.3, 0, 1]], np.float32)
    pdfs = np.where(rng.random(len(pdfs)) < 0.1, np.int32(-1), pdfs)
    stats = MlltStatistics.zeros(DIM)
    stats.accumulate(gmm, frames, sort_of(pdfs, gmm))
    return gmm, frames, pdfs, stats


def expected_log_likelihood(setup: Setup, matrix: NDArray[np.float64]) -> float:
    """Σ γ (log|M| + log N(M x; M μ, σ²)) but for what M does not change."""
    gmm, frames, pdfs, _ = setup
    gamma = plain_posteriors(gmm, frames, pdfs)
    total = 0.0
    for m in range(gmm.num_gaussians):
        moved = (frames - gmm.means[m]) @ matrix.T
        value = np.linalg.slogdet(matrix)[1] - 0.5 * (moved**2 / gmm.variances[m]).sum(axis=1)
        total += float(gamma[:, m] @ value)
    return total


def test_the_objective_is_the_expected_log_likelihood(setup: Setup) -> None:
    rng = np.random.default_rng(1)
    stats = setup[3]
    assert stats.beta == (setup[2] >= 0).sum()
    for _ in range(4):
        matrix = np.eye(DIM) + 0.4 * rng.normal(size=(DIM, DIM))
        assert mllt_objective(stats, matrix) == pytest.approx(
            expected_log_likelihood(setup, matrix), rel=1e-4
        )


def test_the_matrix_is_what_numerical_maximisation_finds(setup: Setup) -> None:
    stats = setup[3]
    matrix, gain = estimate_mllt(stats)
    found = mllt_objective(stats, matrix) / stats.beta
    assert gain == pytest.approx(found - mllt_objective(stats, np.eye(DIM)) / stats.beta)
    assert gain > 0.01
    numerical = minimize(
        lambda x: -mllt_objective(stats, x.reshape(DIM, DIM)) / stats.beta,
        np.eye(DIM).ravel(),
        method="BFGS",
        options={"gtol": 1e-7},
    )
    assert found == pytest.approx(-numerical.fun, abs=1e-5)
    np.testing.assert_allclose(matrix, numerical.x.reshape(DIM, DIM), atol=5e-3)


def test_the_gradient_is_zero_at_the_matrix(setup: Setup) -> None:
    stats = setup[3]
    matrix, _ = estimate_mllt(stats, max_iterations=1000, tolerance=1e-13)
    step = 1e-5
    for i in range(DIM):
        for j in range(DIM):
            nudge = np.zeros((DIM, DIM))
            nudge[i, j] = step
            rise = mllt_objective(stats, matrix + nudge) - mllt_objective(stats, matrix - nudge)
            assert abs(rise / (2 * step * stats.beta)) < 1e-5


def test_no_sweep_lowers_the_objective(setup: Setup) -> None:
    stats = setup[3]
    values = [
        mllt_objective(stats, estimate_mllt(stats, max_iterations=n)[0]) for n in range(1, 12)
    ]
    assert values[0] > mllt_objective(stats, np.eye(DIM))
    assert np.diff(values).min() >= -1e-9 * stats.beta


def test_means_move_with_the_features(setup: Setup) -> None:
    gmm = setup[0]
    matrix = np.random.default_rng(2).normal(size=(DIM, DIM))
    moved = transform_means(gmm, matrix)
    for old, new in zip(gmm.means, moved.means, strict=True):
        np.testing.assert_allclose(new, matrix @ old)
    np.testing.assert_array_equal(moved.variances, gmm.variances)
    np.testing.assert_array_equal(moved.weights, gmm.weights)
