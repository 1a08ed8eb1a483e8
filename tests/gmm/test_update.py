"""Maximum-likelihood update, EM's law, and the growth of mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.sorted_frames import SortedFrames, accumulate_sorted
from pipeline.gmm.statistics import GmmStatistics
from pipeline.gmm.update import mix_up, split_targets, update_gmm
from tests.gmm.toy import plain_posteriors, random_gmm, sample, sort_of

occupancies = st.lists(
    st.one_of(st.floats(0, 2000), st.integers(0, 100).map(lambda n: 20.0 * n)),
    min_size=1,
    max_size=12,
)


def statistics_of(
    gmm: AmDiagGmm, frames: NDArray[np.float32], pdfs: NDArray[np.int32]
) -> GmmStatistics:
    total = GmmStatistics.zeros(gmm)
    accumulate_sorted(gmm, SortedFrames.of(frames, sort_of(pdfs, gmm)), total)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_likelihood_never_falls_over_an_em_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_gmm(rng, [3, 4, 1], 4)
    frames, pdfs = sample(truth, rng, 400)
    wrong = truth.means + rng.normal(0, 1, truth.means.shape)
    gmm = AmDiagGmm(truth.offsets, truth.weights, wrong, 3 * truth.variances)
    log_likelihoods = []
    for _ in range(25):
        stats = statistics_of(gmm, frames, pdfs)
        log_likelihoods.append(stats.log_likelihood / stats.num_frames)
        gmm, removed, floored = update_gmm(gmm, stats, min_occupancy=0)
        assert (removed, floored) == (0, 0)
    steps = np.diff(log_likelihoods)
    assert steps.min() >= -1e-6
    assert steps[0] > 0.1


def test_parameters_are_the_moments_of_the_posteriors() -> None:
    rng = np.random.default_rng(7)
    truth = random_gmm(rng, [2, 3], 3)
    frames, pdfs = sample(truth, rng, 500)
    gmm, removed, floored = update_gmm(truth, statistics_of(truth, frames, pdfs))
    assert (removed, floored) == (0, 0)
    gamma = plain_posteriors(truth, frames, pdfs)
    for m in range(gmm.num_gaussians):
        pdf = 0 if m < 2 else 1
        assert gmm.weights[m] == pytest.approx(gamma[:, m].sum() / 500, rel=1e-4)
        mean = np.average(frames, axis=0, weights=gamma[:, m])
        variance = np.average((frames - mean) ** 2, axis=0, weights=gamma[:, m])
        np.testing.assert_allclose(gmm.means[m], mean, atol=1e-4)
        np.testing.assert_allclose(gmm.variances[m], variance, rtol=1e-3)
        assert gamma[pdfs != pdf, m].sum() == 0


def stats_from(
    occupancy: list[float], means: list[list[float]], variances: list[list[float]]
) -> GmmStatistics:
    occ, mu, var = np.array(occupancy), np.array(means), np.array(variances)
    return GmmStatistics(occ, occ[:, None] * np.hstack([mu, var + mu**2]))


def test_rare_gaussians_go_and_the_weights_of_the_others_sum_to_one() -> None:
    gmm = random_gmm(np.random.default_rng(0), [3, 2], 1)
    stats = stats_from([30, 9, 60, 12, 10], [[1], [2], [3], [4], [5]], [[1]] * 5)
    updated, removed, floored = update_gmm(gmm, stats)
    assert (removed, floored) == (2, 0)  # 9 and 10: more than ten frames are asked for
    assert updated.offsets.tolist() == [0, 2, 3]
    np.testing.assert_allclose(updated.means[:, 0], [1, 3, 4])
    np.testing.assert_allclose(updated.weights, [30 / 90, 60 / 90, 1])


def test_a_gaussian_of_almost_no_weight_goes() -> None:
    gmm = random_gmm(np.random.default_rng(0), [2], 1)
    stats = stats_from([11, 2e6], [[1], [2]], [[1], [1]])  # a weight under 1e-5
    updated, removed, _ = update_gmm(gmm, stats)
    assert removed == 1
    np.testing.assert_allclose(updated.means, [[2]])


def test_the_last_gaussian_of_a_pdf_stays_as_it_was() -> None:
    gmm = random_gmm(np.random.default_rng(0), [2, 3, 1], 2)
    stats = stats_from([50, 50, 1, 5, 3, 0], [[1, 1]] * 6, [[2, 2]] * 6)
    updated, removed, _ = update_gmm(gmm, stats)
    assert removed == 2
    assert updated.offsets.tolist() == [0, 2, 3, 4]
    np.testing.assert_array_equal(updated.means[2:], gmm.means[[3, 5]])  # 5 frames: the strongest
    np.testing.assert_array_equal(updated.variances[2:], gmm.variances[[3, 5]])
    np.testing.assert_array_equal(updated.weights[2:], [1, 1])


def test_variances_are_floored_and_counted() -> None:
    gmm = random_gmm(np.random.default_rng(0), [1, 1], 2)
    stats = stats_from([50, 5], [[1, 1], [2, 2]], [[1e-5, 0.5], [1e-5, 1e-5]])
    updated, _, floored = update_gmm(gmm, stats)
    assert floored == 1  # the second pdf is not updated at all
    np.testing.assert_allclose(updated.variances[0], [1e-3, 0.5])


def kaldi_split_targets(
    occupancy: list[float], target: int, power: float, min_count: float
) -> list[int]:
    """GetSplitTargets of gmm/model-common.cc, looking at every pdf each time."""
    targets = [1] * len(occupancy)
    weight = [float(o**power) for o in occupancy]
    total = len(occupancy)
    while total < target:
        ratio = [w / n for w, n in zip(weight, targets, strict=True)]
        best = max(range(len(ratio)), key=ratio.__getitem__)
        if weight[best] == 0:
            break
        if (targets[best] + 1) * min_count >= occupancy[best]:
            weight[best] = 0
        else:
            targets[best] += 1
            total += 1
    return targets


@settings(max_examples=100, deadline=None)
@given(occupancies, st.integers(0, 60), st.sampled_from([0.0, 0.2, 0.25, 1.0]))
def test_split_targets_follow_kaldis_rule(
    occupancy: list[float], target: int, power: float
) -> None:
    found = split_targets(np.array(occupancy), target, power, 20.0)
    assert found.tolist() == kaldi_split_targets(occupancy, target, power, 20.0)


@settings(max_examples=50, deadline=None)
@given(occupancies, st.integers(0, 100), st.integers(0, 2**32 - 1))
def test_mixing_up_conserves_weights_and_means(
    occupancy: list[float], target: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    gmm = random_gmm(rng, rng.integers(1, 4, len(occupancy)).tolist(), 3)
    grown = mix_up(gmm, np.array(occupancy), target, 0.25, rng)
    wanted = np.maximum(split_targets(np.array(occupancy), target, 0.25), np.diff(gmm.offsets))
    assert np.diff(grown.offsets).tolist() == wanted.tolist()
    for pdf in range(gmm.num_pdfs):
        old = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        new = slice(grown.offsets[pdf], grown.offsets[pdf + 1])
        assert grown.weights[new].sum() == pytest.approx(1)
        # Halves move apart by the same step, so the mixture's mean stays.
        np.testing.assert_allclose(
            grown.weights[new] @ grown.means[new], gmm.weights[old] @ gmm.means[old], atol=1e-9
        )
        kept = {tuple(v) for v in gmm.variances[old].tolist()}
        assert {tuple(v) for v in grown.variances[new].tolist()} == kept


def test_the_heaviest_gaussian_is_halved_each_time() -> None:
    gmm = AmDiagGmm(np.array([0, 2]), np.array([0.7, 0.3]), np.zeros((2, 1)), np.ones((2, 1)))
    grown = mix_up(gmm, np.array([1000.0]), 5, 0.25, np.random.default_rng(0))
    # 0.7 0.3 -> 0.35 0.3 0.35 -> 0.175 0.3 0.35 0.175 -> 0.175 0.3 0.175 0.175 0.175
    np.testing.assert_allclose(grown.weights, [0.175, 0.3, 0.175, 0.175, 0.175])
    assert len(set(grown.means[:, 0].tolist())) == 5
    assert np.abs(grown.means).max() < 0.1  # 0.01 of a standard deviation, a few times


def test_mixing_up_depends_on_the_seed_alone() -> None:
    gmm = random_gmm(np.random.default_rng(0), [1, 2], 3)
    a, b, c = (
        mix_up(gmm, np.array([500.0, 900.0]), 12, 0.25, np.random.default_rng(seed)).means
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
