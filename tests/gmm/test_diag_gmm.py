"""Mixture likelihoods against scipy's normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from tests.gmm.toy import random_gmm

GMM = random_gmm(np.random.default_rng(1), [1, 4, 2, 7, 1], 5)
FRAMES = np.random.default_rng(2).normal(0, 3, (300, 5)).astype(np.float32)


def scipy_log_likelihoods(gmm: AmDiagGmm, frames: np.ndarray) -> np.ndarray:
    """(T, P)."""
    columns = []
    for pdf in range(gmm.num_pdfs):
        gaussians = [
            np.log(gmm.weights[m])
            + norm.logpdf(frames, gmm.means[m], np.sqrt(gmm.variances[m])).sum(axis=1)
            for m in range(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        ]
        columns.append(logsumexp(gaussians, axis=0))
    return np.stack(columns, axis=1)


def test_log_likelihoods_are_those_of_scipy() -> None:
    expected = scipy_log_likelihoods(GMM, FRAMES.astype(np.float64))
    found = GMM.log_likelihoods(with_squares(FRAMES))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("pdfs", [[0], [3, 1], [4, 3, 2, 1, 0], [2, 2]])
def test_chosen_pdfs_are_columns_of_all(pdfs: list[int]) -> None:
    everything = GMM.log_likelihoods(with_squares(FRAMES))
    chosen = GMM.log_likelihoods(with_squares(FRAMES), np.array(pdfs, np.int32))
    np.testing.assert_allclose(chosen, everything[:, pdfs], rtol=1e-6, atol=1e-5)


def test_many_frames_are_done_in_blocks_with_the_same_result() -> None:
    big = random_gmm(np.random.default_rng(3), [50] * 40, 2)  # 2000 Gaussians: 2000 frames a block
    frames = np.random.default_rng(4).normal(0, 1, (4501, 2)).astype(np.float32)
    whole = big.log_likelihoods(with_squares(frames))
    parts = [big.log_likelihoods(with_squares(frames[t : t + 700])) for t in range(0, 4501, 700)]
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-6, atol=1e-5)


def test_a_mixture_integrates_to_one() -> None:
    gmm = random_gmm(np.random.default_rng(5), [3, 1], 1)
    grid = np.linspace(-20, 20, 40001, dtype=np.float32)[:, None]
    density = np.exp(gmm.log_likelihoods(with_squares(grid)).astype(np.float64))
    np.testing.assert_allclose(np.trapezoid(density, grid[:, 0], axis=0), 1, atol=1e-4)


def test_far_away_frames_stay_finite() -> None:
    far = np.full((1, 5), 1000.0, np.float32)
    found = GMM.log_likelihoods(with_squares(far))
    np.testing.assert_allclose(found, scipy_log_likelihoods(GMM, far.astype(float)), rtol=1e-4)


def test_tensors_hold_everything() -> None:
    again = AmDiagGmm.from_tensors(GMM.tensors("x."), "x.")
    for name in ("offsets", "weights", "means", "variances"):
        np.testing.assert_array_equal(getattr(again, name), getattr(GMM, name))
    with pytest.raises(KeyError):
        AmDiagGmm.from_tensors(GMM.tensors("x."), "y.")
