"""Interpolated modified Kneser-Ney estimation of an n-gram model.

Source: Chen and Goodman (1999), "An empirical study of smoothing techniques for language
modeling", section 3 (equations 26 to 29 of the technical report TR-10-98). As in KenLM's lmplz
(Heafield et al. 2013), n-grams that begin with <s> keep their plain counts in lower orders, and the
unigrams are interpolated with the uniform distribution over all words, <unk> among them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from pipeline.graph.arpa import BEGIN
from pipeline.graph.ngram_counts import NgramCounts
from pipeline.graph.ngram_model import SPECIAL, NgramModel, Rows, Values

log = logging.getLogger(__name__)

# What lmplz falls back to where a text is too small to estimate discounts.
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Discounts:
    """What is subtracted from counts of 1, 2, and 3 or more."""

    one: float
    two: float
    more: float

    @classmethod
    def estimate(cls, counts: Rows) -> Discounts:
        """Chen and Goodman's equation 26, Y = n1 / (n1 + 2 n2); the fallback where it fails.

        It fails if some count of counts is missing, or a discount is outside [0, the count].
        """
        # number[r]: n-grams that occur r times
        number = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
        if (number[1:4] == 0).any():
            return cls(*FALLBACK)
        y = number[1] / (number[1] + 2.0 * number[2])
        found = [r - (r + 1) * y * number[r + 1] / number[r] for r in (1, 2, 3)]
        if any(not 0.0 <= discount <= r for r, discount in zip((1, 2, 3), found, strict=True)):
            return cls(*FALLBACK)
        return cls(*found)

    def of(self, counts: Rows) -> Values:
        """The discount of each count."""
        table = np.array([0.0, self.one, self.two, self.more])
        discount: Values = table[np.minimum(counts, 3)]
        return discount


def estimate(counts: NgramCounts) -> NgramModel:
    """The model of some counts: p(w|h) = (c(hw) - D(c(hw))) / c(h) + gamma(h) p(w|h').

    c is the plain count in the highest order and the number of continuations below; gamma(h), the
    back-off weight, is what the discounts leave (equations 27 to 29).
    """
    order = len(counts.tables)
    probs: list[Values] = []
    backoffs: list[Values] = []
    for n, table in enumerate(counts.tables):
        count = counts.count[n] if n == order - 1 else counts.continuations(n)
        if n == 0:
            count = np.where(table.word == SPECIAL.index(BEGIN), 0, count)
            lower = np.full(len(table), 1.0 / (len(table) - 1))  # <s> is never predicted
        else:
            lower = probs[-1][table.suffix]
        discounts = Discounts.estimate(count)
        if discounts == Discounts(*FALLBACK):
            log.info("%d-grams: too few to estimate discounts; %s, %s, %s", n + 1, *FALLBACK)
        kept = count - discounts.of(count)
        num_histories = len(counts.tables[n - 1]) if n else 1
        total = np.bincount(table.history, count, num_histories)
        left = total - np.bincount(table.history, kept, num_histories)
        gamma = np.divide(left, total, out=np.ones(num_histories), where=total > 0)
        share = np.divide(kept, total[table.history])
        probs.append(share + gamma[table.history] * lower)
        if n == 0:
            probs[0][SPECIAL.index(BEGIN)] = 0.0
        else:
            backoffs.append(gamma)
    backoffs.append(np.ones(len(counts.tables[-1])))
    return NgramModel(counts.words, counts.tables, tuple(probs), tuple(backoffs))
