"""Bootstrap intervals against the exact binomial, a loop over drawn utterances, and kaldialign."""

from __future__ import annotations

import kaldialign
import numpy as np
import pytest
from scipy.stats import binom

from pipeline.score.bootstrap import compare, no_error_limit, wer_interval
from pipeline.score.wer import Errors, align_words, count_errors


def random_errors(seed: int, utterances: int, rate: float) -> list[Errors]:
    generator = np.random.default_rng(seed)
    words = generator.integers(1, 20, utterances)
    wrong = generator.binomial(words, rate)
    return [Errors(int(w), 0, 0, int(e)) for w, e in zip(words, wrong, strict=True)]


def test_interval_of_single_words_is_the_binomial_one() -> None:
    errors = [Errors(1, 0, 0, 1)] * 30 + [Errors(1)] * 270
    interval = wer_interval(errors, seed=3)
    low, high = binom.ppf([0.025, 0.975], 300, 0.1) / 3.0  # resampled errors are Binomial(300, 0.1)
    assert interval.low == pytest.approx(low, abs=0.34)  # one error more or less
    assert interval.high == pytest.approx(high, abs=0.34)


def test_interval_agrees_with_drawing_utterances_one_by_one() -> None:
    errors = random_errors(1, 200, 0.15)
    generator = np.random.default_rng(7)
    rates = []
    for _ in range(4000):
        drawn = [errors[i] for i in generator.integers(0, len(errors), len(errors))]
        rates.append(100 * sum(e.errors for e in drawn) / sum(e.words for e in drawn))
    low, high = np.percentile(rates, [2.5, 97.5])
    interval = wer_interval(errors, seed=1)
    assert interval.low == pytest.approx(low, abs=0.25)
    assert interval.high == pytest.approx(high, abs=0.25)


def test_interval_agrees_with_kaldialign() -> None:
    generator = np.random.default_rng(5)
    references = [list(map(str, generator.integers(0, 5, 8))) for _ in range(150)]
    hypotheses = [
        [word if generator.random() > 0.2 else "x" for word in words] for words in references
    ]
    errors = [count_errors(align_words(r, h)) for r, h in zip(references, hypotheses, strict=True)]
    theirs = kaldialign.bootstrap_wer_ci(references, hypotheses, replications=4000)
    ours = wer_interval(errors, seed=2)
    assert (ours.high - ours.low) / 2 == pytest.approx(100 * theirs["ci95"], rel=0.06)


def test_same_seed_same_interval_other_seed_another() -> None:
    errors = random_errors(2, 100, 0.3)
    assert wer_interval(errors, seed=1) == wer_interval(errors, seed=1)
    assert wer_interval(errors, seed=1).low != wer_interval(errors, seed=2).low


def test_without_errors_the_limit_is_about_three_in_n() -> None:
    interval = wer_interval([Errors(1)] * 300)
    assert (interval.low, interval.high) == (0.0, 0.0)
    assert no_error_limit(300) == pytest.approx(100 * 3 / 300, rel=0.01)
    assert binom.pmf(0, 300, no_error_limit(300) / 100) == pytest.approx(0.05)


def test_no_utterance_is_refused() -> None:
    with pytest.raises(ValueError, match="no utterance"):
        wer_interval([])


def test_equal_systems_cannot_be_told_apart() -> None:
    errors = random_errors(3, 80, 0.2)
    result = compare(errors, errors)
    assert (result.difference, result.low, result.high) == (0.0, 0.0, 0.0)
    assert result.probability_better == 0.5


def test_paired_comparison_sees_what_unpaired_intervals_hide() -> None:
    first = random_errors(4, 300, 0.2)
    second = [Errors(e.words, 0, 0, max(e.substitutions - 1, 0)) for e in first]
    result = compare(first, second)
    assert result.probability_better == 1.0
    assert result.low < result.difference < result.high < 0
    a, b = (100 * sum(e.errors for e in s) / sum(e.words for e in s) for s in (first, second))
    assert result.difference == pytest.approx(b - a)
    assert compare(second, first).difference == pytest.approx(-result.difference)


def test_paired_interval_agrees_with_drawing_utterances_one_by_one() -> None:
    first, second = random_errors(6, 120, 0.2), random_errors(6, 120, 0.2)
    second = [Errors(e.words, 0, 0, int(i % 3 == 0)) for i, e in enumerate(second)]
    generator = np.random.default_rng(8)
    rows = np.array([(a.errors, b.errors, a.words) for a, b in zip(first, second, strict=True)])
    sums = np.array([rows[generator.integers(0, 120, 120)].sum(axis=0) for _ in range(6000)])
    rates = 100 * (sums[:, 1] - sums[:, 0]) / sums[:, 2]
    result = compare(first, second)
    assert result.low == pytest.approx(np.percentile(rates, 2.5), abs=0.2)
    assert result.high == pytest.approx(np.percentile(rates, 97.5), abs=0.2)
    assert result.probability_better == pytest.approx(np.mean(rates < 0), abs=0.02)


def test_other_utterances_are_refused() -> None:
    with pytest.raises(ValueError, match="same utterances"):
        compare([Errors(2)], [Errors(3)])
