"""fMLLR against the likelihood that it claims to raise, and against numerical maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.fmllr import (
    FmllrStatistics,
    SpeakerStatistics,
    estimate_fmllr,
    fmllr_objective,
)
from tests.gmm.toy import log_density, plain_posteriors, random_gmm, sample, sort_of

DIM = 3
SPEAKERS = ["anna", "ben", "anna", "carl"]
START = np.eye(DIM, DIM + 1)


@dataclass(frozen=True)
class Setup:
    """Four utterances of three speakers whose features are shifted and turned."""

    posterior_model: AmDiagGmm
    target_model: AmDiagGmm
    posterior_frames: NDArray[np.float32]
    frames: NDArray[np.float32]
    offsets: NDArray[np.int64]
    pdfs: NDArray[np.int32]

    def accumulate(self, stats: FmllrStatistics, first: int = 0, last: int = 4) -> FmllrStatistics:
        """Add some of the utterances."""
        span = slice(self.offsets[first], self.offsets[last])
        stats.accumulate(
            self.posterior_model,
            self.target_model,
            self.posterior_frames[span],
            self.frames[span],
            self.offsets[first : last + 1] - self.offsets[first],
            SPEAKERS[first:last],
            sort_of(self.pdfs[span], self.target_model),
        )
        return stats

    def frames_of(self, speaker: str) -> NDArray[np.bool_]:
        """(sum T,) the speaker's frames."""
        return np.repeat([s == speaker for s in SPEAKERS], np.diff(self.offsets))


@pytest.fixture(scope="module")
def setup() -> Setup:
    rng = np.random.default_rng(41)
    target = random_gmm(rng, [1, 3, 2], DIM)
    posterior = AmDiagGmm(
        target.offsets, target.weights, target.means + 0.2, 1.3 * target.variances
    )
    frames, pdfs = sample(target, rng, 400)
    offsets = np.array([0, 400, 750, 1000, 1200])
    turned = frames.copy()
    for u in range(4):
        span = slice(offsets[u], offsets[u + 1])
        matrix = np.eye(DIM) + 0.2 * np.random.default_rng(len(SPEAKERS[u])).normal(size=(DIM, DIM))
        turned[span] = frames[span] @ matrix.T + 0.5
    pdfs = np.where(rng.random(len(pdfs)) < 0.1, np.int32(-1), pdfs)
    return Setup(posterior, target, frames, turned.astype(np.float32), offsets, pdfs)


def expected_log_likelihood(setup: Setup, speaker: str, matrix: NDArray[np.float64]) -> float:
    """Σ γ (log|A| + log N(A x + b; μ, σ²)), γ of the posterior model, Gaussian by Gaussian."""
    mine = setup.frames_of(speaker)
    gamma = plain_posteriors(setup.posterior_model, setup.posterior_frames[mine], setup.pdfs[mine])
    adapted = setup.frames[mine].astype(np.float64) @ matrix[:, :-1].T + matrix[:, -1]
    log_det = np.linalg.slogdet(matrix[:, :-1])[1]
    return sum(
        gamma[t, m] * (log_det + log_density(adapted[t], setup.target_model, m))
        for t, m in zip(*np.nonzero(gamma), strict=True)
    )


@pytest.mark.parametrize("speaker", ["anna", "ben", "carl"])
def test_the_objective_is_the_expected_log_likelihood(setup: Setup, speaker: str) -> None:
    stats = setup.accumulate(FmllrStatistics()).speakers[speaker]
    assert stats.beta == (setup.frames_of(speaker) & (setup.pdfs >= 0)).sum()
    rng = np.random.default_rng(1)
    at_start = expected_log_likelihood(setup, speaker, START)
    for _ in range(2):
        matrix = START + 0.3 * rng.normal(size=START.shape)
        expected = expected_log_likelihood(setup, speaker, matrix) - at_start
        found = fmllr_objective(stats, matrix) - fmllr_objective(stats, START)
        assert found == pytest.approx(expected, rel=1e-4)


def test_every_transform_is_what_numerical_maximisation_finds(setup: Setup) -> None:
    stats = setup.accumulate(FmllrStatistics())
    transforms, gain = estimate_fmllr(stats, min_count=0)
    assert sorted(transforms) == ["anna", "ben", "carl"]
    total = 0.0
    for speaker, matrix in transforms.items():
        own = stats.speakers[speaker]

        def loss(x: NDArray[np.float64], own: SpeakerStatistics = own) -> float:
            return -fmllr_objective(own, x.reshape(DIM, DIM + 1)) / own.beta

        numerical = minimize(loss, START.ravel(), method="BFGS", options={"gtol": 1e-7})
        assert loss(matrix.ravel()) == pytest.approx(numerical.fun, abs=1e-6)
        np.testing.assert_allclose(matrix, numerical.x.reshape(DIM, DIM + 1), atol=2e-3)
        total += fmllr_objective(own, matrix) - fmllr_objective(own, START)
    assert gain == pytest.approx(total / sum(s.beta for s in stats.speakers.values()))
    assert gain > 0.1


def test_the_gradient_is_zero_at_every_transform(setup: Setup) -> None:
    stats = setup.accumulate(FmllrStatistics())
    for speaker, matrix in estimate_fmllr(stats, min_count=0)[0].items():
        own, step = stats.speakers[speaker], 1e-5
        for place in np.ndindex(matrix.shape):
            nudge = np.zeros_like(matrix)
            nudge[place] = step
            rise = fmllr_objective(own, matrix + nudge) - fmllr_objective(own, matrix - nudge)
            assert abs(rise / (2 * step * own.beta)) < 1e-4


def test_a_speaker_with_too_few_frames_keeps_the_features(setup: Setup) -> None:
    stats = setup.accumulate(FmllrStatistics())
    counts = {speaker: own.beta for speaker, own in stats.speakers.items()}
    assert counts["carl"] < 250 < counts["ben"] < counts["anna"]
    transforms, _ = estimate_fmllr(stats, min_count=250)
    assert sorted(transforms) == ["anna", "ben"]
    assert estimate_fmllr(stats, min_count=1e6) == ({}, 0.0)


def test_statistics_of_shards_add_up(setup: Setup) -> None:
    whole = setup.accumulate(FmllrStatistics())
    parts = setup.accumulate(setup.accumulate(FmllrStatistics(), 0, 2), 2, 4)
    for speaker, own in whole.speakers.items():
        other = parts.speakers[speaker]
        assert other.beta == own.beta
        np.testing.assert_allclose(other.linear, own.linear, rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(other.quadratic, own.quadratic, rtol=1e-4, atol=1e-2)


def test_features_that_fit_already_are_left_alone() -> None:
    rng = np.random.default_rng(5)
    gmm = random_gmm(rng, [1, 1, 1, 1], DIM)
    frames, pdfs = sample(gmm, rng, 5000)
    stats = FmllrStatistics()
    offsets = np.array([0, len(frames)])
    stats.accumulate(gmm, gmm, frames, frames, offsets, ["anna"], sort_of(pdfs, gmm))
    transforms, gain = estimate_fmllr(stats)
    np.testing.assert_allclose(transforms["anna"], START, atol=0.05)
    assert 0 <= gain < 2e-3
