"""Sufficient statistics against a plain loop over frames and Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from pipeline.gmm.sorted_frames import SortedFrames, accumulate_sorted
from pipeline.gmm.statistics import FrameSort, GmmStatistics
from tests.gmm.toy import log_density, plain_posteriors, random_gmm, sample, sort_of

RNG = np.random.default_rng(21)
GMM = random_gmm(RNG, [1, 3, 2, 5], 3)
FRAMES, PDFS = sample(GMM, RNG, 60)
PDFS = np.where(RNG.random(len(PDFS)) < 0.1, np.int32(-1), PDFS)  # some frames are not aligned


def accumulate(
    frames: NDArray[np.float32],
    pdfs: NDArray[np.int32],
    into: GmmStatistics,
    other: NDArray[np.float32] | None = None,
) -> None:
    sort = sort_of(pdfs, GMM)
    moments = None if other is None else SortedFrames.of(other, sort)
    accumulate_sorted(GMM, SortedFrames.of(frames, sort), into, moments)


def test_statistics_are_sums_of_posteriors() -> None:
    found = GmmStatistics.zeros(GMM)
    accumulate(FRAMES, PDFS, found)
    gamma = plain_posteriors(GMM, FRAMES, PDFS)
    exact = FRAMES.astype(np.float64)
    np.testing.assert_allclose(found.occupancy, gamma.sum(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.moments[:, :3], gamma.T @ exact, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.moments[:, 3:], gamma.T @ exact**2, rtol=1e-4, atol=1e-3)
    assert found.num_frames == (PDFS >= 0).sum()
    log_likelihood = sum(
        logsumexp([log_density(x, GMM, m) for m in range(GMM.offsets[p], GMM.offsets[p + 1])])
        for x, p in zip(exact, PDFS.tolist(), strict=True)
        if p >= 0
    )
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-6)


def test_moments_may_come_from_other_frames_than_posteriors() -> None:
    other = FRAMES @ np.diag([2.0, -1.0, 0.5]).astype(np.float32) + np.float32(1)
    found = GmmStatistics.zeros(GMM)
    accumulate(FRAMES, PDFS, found, other)
    gamma = plain_posteriors(GMM, FRAMES, PDFS)
    expected = np.hstack([gamma.T @ other, gamma.T @ other.astype(np.float64) ** 2])
    np.testing.assert_allclose(found.occupancy, gamma.sum(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.moments, expected, rtol=1e-4, atol=1e-3)


def test_statistics_of_parts_add_up() -> None:
    whole, first, second = (GmmStatistics.zeros(GMM) for _ in range(3))
    accumulate(FRAMES, PDFS, whole)
    accumulate(FRAMES[:100], PDFS[:100], first)
    accumulate(FRAMES[100:], PDFS[100:], second)
    first.add(second)
    np.testing.assert_allclose(first.occupancy, whole.occupancy, rtol=1e-5)
    np.testing.assert_allclose(first.moments, whole.moments, rtol=1e-4, atol=1e-4)
    assert first.log_likelihood == pytest.approx(whole.log_likelihood)
    assert first.num_frames == whole.num_frames


def test_frames_are_grouped_by_pdf_in_order() -> None:
    sort = FrameSort.by_pdf(PDFS, GMM.num_pdfs + 1)  # the last pdf has no frame
    for pdf in range(GMM.num_pdfs + 1):
        found = sort.order[sort.starts[pdf] : sort.starts[pdf + 1]].tolist()
        assert found == np.flatnonzero(pdf == PDFS).tolist()
