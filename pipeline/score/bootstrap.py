"""Bootstrap over utterances: how far a WER, or a difference of two, is due to the draw of the set.

Source: M. Bisani and H. Ney (2004), "Bootstrap estimates for confidence intervals in ASR
performance evaluation", ICASSP. A replicate draws U utterances with replacement; its WER is the sum
of their errors over the sum of their words. Utterances with the same counts are interchangeable, so
a replicate is one multinomial draw over the distinct counts instead of U single draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.score.wer import Errors

REPLICATES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Percentile interval of a WER, in per cent."""

    low: float
    high: float
    level: float
    replicates: int
    seed: int


@dataclass(frozen=True)
class Comparison:
    """Paired bootstrap of two systems on the same utterances; WERs in per cent."""

    difference: float  # WER of the second minus WER of the first, on the test set itself
    low: float  # percentile interval of that difference
    high: float
    probability_better: float  # share of replicates where the second is better, ties counted half


def _replicate(rows: NDArray[np.int64], replicates: int, seed: int) -> NDArray[np.int64]:
    """Column sums of bootstrap samples of `rows`: (U, C) -> (replicates, C)."""
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(rows), counts / len(rows), size=replicates)
    sums: NDArray[np.int64] = drawn @ distinct
    return sums


def _rates(errors: NDArray[np.int64], words: NDArray[np.int64]) -> NDArray[np.float64]:
    """WER in per cent; a replicate without a single reference word counts as 0."""
    rates: NDArray[np.float64] = 100.0 * errors / np.maximum(words, 1)
    return rates


def _percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def wer_interval(
    errors: Sequence[Errors], seed: int = 1, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """Confidence interval of the WER of utterances with these error counts.

    Without any error every replicate is 0 and so is the interval: the bootstrap cannot speak of
    errors that it has not seen (see `no_error_limit`).

    Raises:
        ValueError: no utterance.
    """
    if not errors:
        raise ValueError("no utterance to draw from")
    rows = np.array([(e.errors, e.words) for e in errors], np.int64)
    sums = _replicate(rows, replicates, seed)
    low, high = _percentiles(_rates(sums[:, 0], sums[:, 1]), level)
    return Interval(low, high, level, replicates, seed)


def no_error_limit(words: int, level: float = LEVEL) -> float:
    """Highest WER (per cent) that gives no error in `words` words with probability 1 - level.

    (1 - p)^words = 1 - level, if words err independently: about 3 / words ("rule of three").
    """
    return 100.0 * (1.0 - (1.0 - level) ** (1.0 / words))


def compare(
    first: Sequence[Errors],
    second: Sequence[Errors],
    seed: int = 1,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Comparison:
    """Paired bootstrap of two systems; entry i of both is the same utterance.

    Raises:
        ValueError: not the same utterances, by number or by reference words, or none.
    """
    if not first or [e.words for e in first] != [e.words for e in second]:
        raise ValueError("the two systems were not scored on the same utterances")
    pairs = zip(first, second, strict=True)
    rows = np.array([(a.errors, b.errors, a.words) for a, b in pairs], np.int64)
    sums = _replicate(rows, replicates, seed)
    differences = _rates(sums[:, 1] - sums[:, 0], sums[:, 2])
    low, high = _percentiles(differences, level)
    better = float(np.mean(differences < 0) + 0.5 * np.mean(differences == 0))
    all_rows = rows.sum(axis=0)
    difference = 100.0 * float(all_rows[1] - all_rows[0]) / max(int(all_rows[2]), 1)
    return Comparison(difference, low, high, better)
