"""Perplexity under an ARPA file, against the model that wrote it and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.graph.arpa import Arpa, read_arpa, write_arpa
from pipeline.graph.arpa_text import log10_prob, text_perplexity
from pipeline.graph.kneser_ney import estimate
from pipeline.graph.ngram_counts import count_ngrams

sentences = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=12)
texts = sentences.filter(lambda found: any(word in "abc" for words in found for word in words))
Ngrams = dict[tuple[str, ...], tuple[float, float]]
VOCABULARY = set("abc")  # d is unknown


@settings(max_examples=40)
@given(texts, sentences, st.integers(1, 4))
def test_it_is_that_of_the_estimated_model(
    text: list[list[str]], others: list[list[str]], order: int
) -> None:
    model = estimate(count_ngrams(text, order, VOCABULARY))
    found, expected = text_perplexity(model.arpa(), others), model.perplexity(others)
    assert (found.num_words, found.num_unknown) == (expected.num_words, expected.num_unknown)
    assert found.perplexity == pytest.approx(expected.perplexity, rel=1e-9)
    assert found.log_prob == pytest.approx(expected.log_prob, rel=1e-9)


def test_a_case_by_hand(tmp_path: Path) -> None:
    unigrams: Ngrams = {
        **{("<s>",): (-99.0, -0.5), ("</s>",): (-1.0, 0.0)},
        **{("a",): (-0.5, -0.25), ("<unk>",): (-2.0, 0.0)},
    }
    arpa = Arpa((unigrams, {("<s>", "a"): (-0.125, 0.0)}))
    write_arpa(tmp_path / "lm.arpa.gz", arpa)
    arpa = read_arpa(tmp_path / "lm.arpa.gz")
    assert log10_prob(arpa, ("<s>",), "a") == -0.125
    assert log10_prob(arpa, ("a",), "</s>") == -0.25 - 1.0
    assert log10_prob(arpa, ("<unk>",), "a") == -0.5
    found = text_perplexity(arpa, [["a"], ["b", "a"]])  # b is unknown
    total = (-0.125 - 1.25) + (-0.5 - 1.25)
    assert (found.num_words, found.num_unknown) == (4, 1)
    assert found.perplexity == pytest.approx(10 ** (-total / 4))
    assert math.isnan(text_perplexity(arpa, []).perplexity)
