"""Sentences of lattices, Bayes risk and confidences against enumeration of all paths."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.bayes_risk import confidences, minimum_bayes_risk
from pipeline.decode.n_best import Sentence, n_best, posteriors, sentences
from tests.decode.random_lattices import LM_WEIGHT, all_paths, all_sentences, levenshtein
from tests.decode.random_lattices import random_lattice as lattice_of

seeds = st.integers(0, 2**31)
EXAMPLES = settings(max_examples=80)


@EXAMPLES
@given(seeds, st.floats(0.5, 20.0), st.floats(-1.0, 1.0))
def test_all_sentences_come_in_the_order_of_their_cost(
    seed: int, lm_weight: float, penalty: float
) -> None:
    lattice = lattice_of(seed)
    expected = all_sentences(lattice, lm_weight, penalty)
    found = list(sentences(lattice, lm_weight, penalty))
    assert {s.words: s.total for s in found} == pytest.approx(expected)
    assert [s.total for s in found] == pytest.approx(sorted(expected.values()))
    paths = set(all_paths(lattice))
    for s in found:
        total = s.acoustic_cost / lm_weight + s.graph_cost + penalty * len(s.words)
        assert s.total == pytest.approx(total)
        assert any(p == (s.words, pytest.approx(s.acoustic_cost), pytest.approx(s.graph_cost))
                   for p in paths)  # fmt: skip
        assert len(s.transition_ids(lattice)) == lattice["num_frames"]
    assert n_best(lattice, 2, lm_weight, penalty) == found[:2]


@EXAMPLES
@given(seeds)
def test_risk_and_posteriors_are_expectations_over_all_sentences(seed: int) -> None:
    lattice = lattice_of(seed)
    table = all_sentences(lattice, LM_WEIGHT)
    norm = sum(math.exp(-cost) for cost in table.values())
    found = n_best(lattice, 1000)
    share = {words: math.exp(-cost) / norm for words, cost in table.items()}
    posterior = dict(zip((s.words for s in found), posteriors(found), strict=True))
    assert posterior == pytest.approx(share)
    risk = {
        words: sum(p * levenshtein(other, words) for other, p in share.items()) for words in table
    }
    chosen = minimum_bayes_risk(found)
    assert chosen.expected_errors == pytest.approx(min(risk.values()))
    assert risk[chosen.sentence.words] == pytest.approx(min(risk.values()))
    # Each word that is not in its place costs an error: the confidences are bounded by the risk.
    wrong = sum(1.0 - value for value in chosen.confidences)
    assert -1e-9 <= wrong <= chosen.expected_errors + 1e-9
    assert len(chosen.confidences) == len(chosen.sentence.words)


def sentence(text: str, total: float) -> Sentence:
    """With no path behind it."""
    return Sentence(tuple(text.split()), 0.0, total, (), 0, total)


def test_the_best_sentence_is_not_always_the_one_of_least_risk() -> None:
    found = [sentence("x y", -math.log(0.4)), sentence("a b", -math.log(0.35))]
    found.append(sentence("a c", -math.log(0.25)))
    chosen = minimum_bayes_risk(found)
    assert chosen.sentence.words == ("a", "b")
    assert chosen.expected_errors == pytest.approx(0.4 * 2 + 0.25)
    assert chosen.confidences == pytest.approx((0.6, 0.35))
    assert confidences(("a", "z", "b"), found) == pytest.approx([0.6, 0.0, 0.35])


def test_equal_posteriors_choose_the_first() -> None:
    found = [sentence("a", 1.0), sentence("b", 1.0)]
    assert minimum_bayes_risk(found).sentence.words == ("a",)
