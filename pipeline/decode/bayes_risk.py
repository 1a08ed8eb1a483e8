"""Minimum Bayes risk: the sentence with the fewest expected word errors, and words' confidences.

Source: Goel and Byrne (2000), "Minimum Bayes-risk automatic speech recognition": expectation and
minimum over an n-best list, here of distinct sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import kaldialign

from pipeline.decode.n_best import Sentence, posteriors

GAP = ""


@dataclass(frozen=True)
class BayesRisk:
    """The choice among some sentences."""

    sentence: Sentence
    expected_errors: float  # word errors, if the n-best list has the truth with its posteriors
    confidences: tuple[float, ...]  # of each word


def minimum_bayes_risk(found: Sequence[Sentence]) -> BayesRisk:
    """Choose the sentence with the least expected edit distance; of equals the more probable.

    Args:
        found: distinct sentences, cheapest first; at least one.
    """
    shares = posteriors(found)

    def risk(words: tuple[str, ...]) -> float:
        pairs = zip(found, shares, strict=True)
        return sum(share * edit_distance(other.words, words) for other, share in pairs)

    risks = [risk(sentence.words) for sentence in found]
    best = min(range(len(found)), key=lambda n: (risks[n], n))
    chosen = found[best]
    return BayesRisk(chosen, risks[best], tuple(confidences(chosen.words, found)))


def confidences(words: tuple[str, ...], found: Sequence[Sentence]) -> list[float]:
    """Probability of each word: of the sentences whose alignment with ``words`` has it there."""
    result = [0.0] * len(words)
    for other, share in zip(found, posteriors(found), strict=True):
        if other.words == words:
            result = [value + share for value in result]
            continue
        place = 0
        for mine, theirs in kaldialign.align(list(words), list(other.words), GAP):
            if mine != GAP:
                result[place] += share * (mine == theirs)
                place += 1
    return [min(value, 1.0) for value in result]


def edit_distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Least number of insertions, deletions and substitutions."""
    return int(kaldialign.edit_distance(list(reference), list(hypothesis))["total"])
