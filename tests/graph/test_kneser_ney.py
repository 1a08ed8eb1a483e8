"""Estimation, perplexity and pruning of n-gram models against their definitions."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.graph.kneser_ney import Discounts, estimate
from pipeline.graph.ngram_counts import count_ngrams, vocabulary_of
from pipeline.graph.ngram_model import NgramModel
from pipeline.graph.ngram_pruning import normalise, prune, relative_entropy
from pipeline.io.errors import UserError
from tests.graph.kneser_ney_definition import SlowKneserNey, all_ngrams

Sentences = list[list[str]]
texts = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=12).filter(
    lambda sentences: any(word in "abc" for sentence in sentences for word in sentence)
)
VOCABULARY = set("abc")  # d is unknown


def model_prob(model: NgramModel, history: tuple[str, ...], word: str) -> float:
    """p(word | <s> history), through the vectorised route."""
    tokens = np.array([model.word_id[w] for w in ("<s>", *history, word)])
    first = np.arange(len(tokens)) == 0
    return float(model.probabilities(tokens, first)[-1])


@settings(max_examples=60)
@given(texts, st.integers(1, 4))
def test_probabilities_are_those_of_the_definition(sentences: Sentences, order: int) -> None:
    model = estimate(count_ngrams(sentences, order, VOCABULARY))
    slow = SlowKneserNey(sentences, order, VOCABULARY)
    for n in range(3):
        for history in itertools.product(("a", "b", "<unk>"), repeat=n):
            found = [model_prob(model, history, word) for word in slow.words]
            expected = [slow.prob(("<s>", *history)[-order + 1 :] * (order > 1), word)
                        for word in slow.words]  # fmt: skip
            assert found == pytest.approx(expected, abs=1e-12)
            assert sum(found) == pytest.approx(1.0, abs=1e-12)


def test_a_case_by_hand() -> None:
    """Bigrams of 'a b / a b / a c'.

    Continuations: a 1 word, b 1, c 1, </s> 2 (b and c); too few for discounts, so those of the
    fallback: a, b, c (1 - 0.5) / 5 + gamma / 5 each, </s> (2 - 1) / 5 + gamma / 5, <unk> gamma / 5
    with gamma = (3 * 0.5 + 1) / 5. Bigrams: two that occur once, two twice, one three times:
    Y = 1/3, D1 = 1/3, D2 = 3/2, so gamma(a) = (D2 + D1) / 3 = 11/18.
    """
    model = estimate(count_ngrams([["a", "b"], ["a", "b"], ["a", "c"]], 2, "abc"))
    p = dict(zip(model.words, model.prob[0].tolist(), strict=True))
    assert p == pytest.approx(
        {"<s>": 0, "</s>": 0.3, "<unk>": 0.1, "a": 0.2, "b": 0.2, "c": 0.2}, abs=1e-12
    )
    assert model_prob(model, ("a",), "b") == pytest.approx(0.5 / 3 + 11 / 18 * 0.2)
    assert model_prob(model, ("a",), "c") == pytest.approx((1 - 1 / 3) / 3 + 11 / 18 * 0.2)
    assert model_prob(model, ("a",), "a") == pytest.approx(11 / 18 * 0.2)


def test_discounts_are_chen_and_goodmans() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [10, 4, 2, 1, 3])
    y = 10 / 18
    expected = (1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2)
    found = Discounts.estimate(counts)
    assert (found.one, found.two, found.more) == pytest.approx(expected)
    assert found.of(np.array([0, 1, 2, 3, 50])).tolist() == pytest.approx(
        [0.0, *expected, expected[2]]
    )
    assert Discounts.estimate(np.array([1, 1, 2])) == Discounts(0.5, 1.0, 1.5)


@settings(max_examples=30)
@given(texts, st.integers(1, 3))
def test_counts_are_those_of_the_text(sentences: Sentences, order: int) -> None:
    counts = count_ngrams(sentences, order, VOCABULARY)
    model = estimate(counts)
    for n, table in enumerate(model.arpa().ngrams):
        expected = all_ngrams(sentences, n + 1, VOCABULARY)
        found = dict(zip(table, counts.count[n].tolist(), strict=True))
        assert {ngram: count for ngram, count in found.items() if count} == expected


@settings(max_examples=20)
@given(texts, texts)
def test_perplexity_is_that_of_the_single_probabilities(train: Sentences, test: Sentences) -> None:
    model = estimate(count_ngrams(train, 3, VOCABULARY))
    slow = SlowKneserNey(train, 3, VOCABULARY)
    logs = []
    for sentence in test:
        words = ["<s>", *(w if w in VOCABULARY else "<unk>" for w in sentence), "</s>"]
        for i in range(1, len(words)):
            if words[i] != "<unk>":
                logs.append(math.log(slow.prob(tuple(words[max(0, i - 2) : i]), words[i])))
    found = model.perplexity(test)
    assert found.num_words == len(logs)
    assert found.num_unknown == sum(word == "d" for sentence in test for word in sentence)
    assert found.perplexity == pytest.approx(math.exp(-sum(logs) / len(logs)))


@settings(max_examples=25)
@given(texts, st.integers(2, 3), st.floats(0, 0.2), st.integers(1, 3))
def test_a_pruned_model_still_sums_to_one(
    sentences: Sentences, order: int, threshold: float, minimum: int
) -> None:
    counts = count_ngrams(sentences, order, VOCABULARY)
    model = estimate(counts)
    pruned = prune(model, counts.count, threshold, (minimum,))
    assert all(a <= b for a, b in zip(pruned.num_ngrams, model.num_ngrams, strict=True))
    words = [word for word in model.words if word != "<s>"]
    for n in range(3):
        for history in itertools.product(("a", "b", "<unk>"), repeat=n):
            found = [model_prob(pruned, history, word) for word in words]
            assert sum(found) == pytest.approx(1.0, abs=1e-9)
    rows = zip(model.arpa().ngrams, pruned.arpa().ngrams, strict=True)
    for before, after in rows:  # what stays keeps its probability
        assert set(after) <= set(before)
        assert [after[g][0] for g in after] == pytest.approx([before[g][0] for g in after])


@settings(max_examples=25)
@given(texts)
def test_relative_entropy_is_that_of_the_model_without_the_ngram(sentences: Sentences) -> None:
    counts = count_ngrams(sentences, 2, VOCABULARY)
    model = estimate(counts)
    table = model.tables[1]
    history_prob = counts.count[0] / counts.count[0].sum()
    change = relative_entropy(model, 1, history_prob)
    words = [word for word in model.words if word != "<s>"]
    for row in range(len(table)):
        keep = np.arange(len(table)) != row
        columns = (c[keep] for c in (table.history, table.word, table.suffix))
        without = normalise(
            replace(
                model,
                tables=(model.tables[0], type(table)(*columns)),
                prob=(model.prob[0], model.prob[1][keep]),
                backoff=(model.backoff[0], model.backoff[1][keep]),
            )
        )
        name = model.words[table.history[row]]
        history = () if name == "<s>" else (name,)
        old = np.array([model_prob(model, history, word) for word in words])
        new = np.array([model_prob(without, history, word) for word in words])
        divergence = history_prob[table.history[row]] * float((old * np.log(old / new)).sum())
        assert change[row] == pytest.approx(divergence, abs=1e-9)
    pruned = prune(model, counts.count, float(np.expm1(np.median(change))))
    assert len(pruned.tables[1]) == int((np.expm1(change) >= np.expm1(np.median(change))).sum())


def test_the_vocabulary_is_the_most_frequent_words() -> None:
    sentences = [["a", "b", "a"], ["c", "b", "a"], ["<unk>", "#0"]]
    assert vocabulary_of(sentences) == ["a", "b", "c"]
    assert vocabulary_of(sentences, minimum=2) == ["a", "b"]
    assert vocabulary_of(sentences, size=1) == ["a"]


def test_a_text_without_sentences_or_known_words_is_refused() -> None:
    with pytest.raises(UserError, match="no sentence"):
        count_ngrams([], 2, "abc")
    with pytest.raises(UserError, match="none of its words"):
        count_ngrams([["x"], ["y"]], 2, "abc")
