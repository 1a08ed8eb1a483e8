"""Clustering of phones against exhaustive search, and the questions made from it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.gmm.questions import agglomerate, automatic_questions
from tests.gmm.toy_tree import plain_agglomerate, random_statistics

SETS = [[1], [2, 3], [4], [5, 6], [7], [8]]
SPEECH = [phone for members in SETS[1:] for phone in members]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("max_loss", [np.inf, 60.0])
def test_the_merge_is_always_the_one_that_loses_least(seed: int, max_loss: float) -> None:
    stats = random_statistics(np.random.default_rng(seed), [1], [2, 3], dim=3).stats[:14]
    clusters = {n: {n} for n in range(len(stats))}
    found = []
    for kept, absorbed, loss in agglomerate(stats, max_loss):
        clusters[kept] = clusters[kept] | clusters.pop(absorbed)
        found.append((clusters[kept], loss))
    expected = plain_agglomerate(list(stats), max_loss)
    assert [members for members, _ in found] == [members for members, _ in expected]
    np.testing.assert_allclose([x for _, x in found], [x for _, x in expected], atol=1e-6)
    if max_loss == np.inf:
        assert len(found) == len(stats) - 1
    else:
        assert 0 < len(found) < len(stats) - 1


@pytest.mark.parametrize("seed", range(4))
def test_questions_are_the_clusters_of_middle_states(seed: int) -> None:
    statistics = random_statistics(np.random.default_rng(seed), [1], SPEECH)
    questions = automatic_questions(statistics, SETS)
    rows = []
    for members in SETS:
        middle = np.isin(statistics.events[:, 1], members) & (statistics.events[:, 3] == 1)
        rows.append(statistics.stats[middle].sum(axis=0))
    expected = {frozenset(members) for members in SETS}
    for cluster, _ in plain_agglomerate(rows):
        expected.add(frozenset(phone for n in cluster for phone in SETS[n]))
    assert set(questions) == expected
    assert len(set(questions)) == len(questions) == 2 * len(SETS) - 1


def test_each_phone_set_is_a_question_and_questions_nest() -> None:
    statistics = random_statistics(np.random.default_rng(9), [1], SPEECH)
    questions = automatic_questions(statistics, SETS)
    assert {frozenset(members) for members in SETS} <= set(questions)
    assert frozenset([1, *SPEECH]) in questions  # "is there a phone at all?"
    for a, b in itertools.combinations(questions, 2):
        assert a <= b or b <= a or not a & b
    assert [len(q) for q in questions] == sorted(len(q) for q in questions)


def test_phones_without_data_are_asked_about_too() -> None:
    statistics = random_statistics(np.random.default_rng(9), [1], [2, 3, 4])
    questions = automatic_questions(statistics, [[1], [2], [3], [4], [5], [6]])
    assert all(frozenset([phone]) in questions for phone in range(1, 7))
