"""Statistics of phones in context against a walk along the alignment."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from pipeline.gmm.tree_statistics import (
    TreeStatistics,
    accumulate_tree_statistics,
    log_likelihood,
)
from pipeline.hmm.model import Hmm
from tests.hmm.toy_hmm import random_hmm, toy_lang
from tests.hmm.toy_paths import ToyPath, random_path

SILENCE = 1


def made_up(seed: int) -> tuple[Hmm, ToyPath, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    hmm = random_hmm(toy_lang(), rng, triphone=bool(seed % 2))
    path = random_path(hmm, rng)
    return hmm, path, rng.normal(0, 2, (int(path.offsets[-1]), 3)).astype(np.float32)


def statistics_of(
    hmm: Hmm, path: ToyPath, frames: NDArray[np.float32], first: int, last: int
) -> TreeStatistics:
    offsets = path.offsets[first : last + 1]
    span = slice(offsets[0], offsets[-1])
    ids = path.ids(hmm)[span]
    return accumulate_tree_statistics(hmm, ids, frames[span], offsets - offsets[0], [SILENCE])


@pytest.mark.parametrize("seed", range(12))
def test_each_frame_counts_for_its_phone_in_context(seed: int) -> None:
    hmm, path, frames = made_up(seed)
    expected: dict[tuple[int, int, int, int], NDArray[np.float64]] = {}
    for u, utterance in enumerate(path.utterances):
        at = int(path.offsets[u])
        phones = [0, *(phone for phone, _ in utterance), 0]
        for n, (phone, states) in enumerate(utterance, 1):
            around = (0, 0) if phone == SILENCE else (phones[n - 1], phones[n + 1])
            for state in states:
                x = frames[at].astype(np.float64)
                row = np.concatenate(([1.0], x, x**2))
                event = (around[0], phone, around[1], state)
                expected[event] = expected.get(event, np.zeros(7)) + row
                at += 1
    found = statistics_of(hmm, path, frames, 0, len(path.utterances))
    assert [tuple(e) for e in found.events.tolist()] == sorted(expected)
    for event, row in zip(found.events.tolist(), found.stats, strict=True):
        np.testing.assert_allclose(row, expected[tuple(event)], atol=1e-9)


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_statistics_of_shards_add_up(seed: int) -> None:
    hmm, path, frames = made_up(seed)
    end = len(path.utterances)
    whole = statistics_of(hmm, path, frames, 0, end)
    parts = [statistics_of(hmm, path, frames, u, u + 1) for u in range(end)]
    total = parts[0]
    for part in parts[1:]:
        total = total.merged(part)
    np.testing.assert_array_equal(total.events, whole.events)
    np.testing.assert_allclose(total.stats, whole.stats, atol=1e-9)


def test_log_likelihood_is_that_of_the_frames_own_gaussian() -> None:
    frames = np.random.default_rng(0).normal(3, 2, (4, 50, 3))
    count = np.full((4, 1), 50.0)
    stats = np.hstack([count, frames.sum(axis=1), (frames**2).sum(axis=1)])
    expected = [norm.logpdf(x, x.mean(axis=0), x.std(axis=0)).sum() for x in frames]
    np.testing.assert_allclose(log_likelihood(stats), expected)


def test_nothing_seen_has_likelihood_zero_and_variances_are_floored() -> None:
    assert log_likelihood(np.zeros((2, 7))).tolist() == [0, 0]
    same = np.array([10.0, 20.0, 40.0])  # ten times x = 2: variance 0, floored at 0.01
    assert log_likelihood(same) == pytest.approx(10 * norm.logpdf(2.0, 2.0, 0.1))
    near = np.array([2.0, 0.0, 2 * 0.05**2])  # x = 0.05 and -0.05
    assert log_likelihood(near) == pytest.approx(2 * norm.logpdf(0.05, 0.0, 0.1))
