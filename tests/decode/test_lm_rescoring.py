"""The best sentences with a language model against all paths of small lattices."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import LmOptions
from pipeline.decode.lm_rescoring import best_at, rescore_sentences
from pipeline.decode.options import Setting
from pipeline.decode.rescoring import WalkedGrammar
from pipeline.graph.fst import from_tuples
from pipeline.io.errors import UserError
from pipeline.lm.model import LstmLm, make_lm
from pipeline.lm.perplexity import word_log_probs
from tests.decode.random_lattices import LM_WEIGHT, WORDS, all_paths, random_lattice
from tests.decode.test_rescoring import backoff_bigram, sentence_cost
from tests.hmm.toy_hmm import toy_lang

FIRST = Setting(LM_WEIGHT, 0.0)


def random_lm() -> LstmLm:
    torch.manual_seed(5)
    lang = toy_lang([(word, 1.0, ["X"] * n) for n, word in enumerate("abc", 1)])
    model = make_lm(LmOptions(embedding_dim=4, hidden_dim=6), lang)
    with torch.no_grad():
        model.embedding.weight *= 30.0
    return model.eval()


MODEL = random_lm()


def words_by_themselves(words: tuple[str, ...]) -> list[float]:
    """p of each word, from the whole distribution after the words before it."""
    ids = MODEL.ids(words)
    with torch.no_grad():
        logits = MODEL.logits(MODEL.hidden(torch.tensor([ids])))[0].double()
    shares = torch.softmax(logits, dim=1)
    return [float(shares[t, word]) for t, word in enumerate(ids)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
def test_the_best_sentence_is_the_best_of_all_paths(seed: int, weight: float, ended: bool) -> None:
    lattice = {**random_lattice(seed), "reached_final": ended}
    fst = backoff_bigram(seed + 1, False)
    grammar = WalkedGrammar(fst, WORDS)
    ((utterance_id, found),) = rescore_sentences(
        iter([lattice]), grammar, lambda texts: word_log_probs(MODEL, texts), weight, 10_000, FIRST
    )
    assert utterance_id == lattice["utterance_id"]
    # Of each sentence the path that is cheapest in the search counts.
    cheapest: dict[tuple[str, ...], tuple[float, float, float]] = {}
    for words, acoustic, graph in all_paths(lattice):
        total = acoustic / LM_WEIGHT + graph
        if words not in cheapest or total < cheapest[words][0]:
            cheapest[words] = total, acoustic, graph
    expected = {}
    for words, (total, _, _) in cheapest.items():
        whole = [sentence_cost(fst, words[: n + 1]) for n in range(len(words))]
        ends = [grammar.word_costs(words[: n + 1])[-1] for n in range(len(words))]
        before = [total_cost - end for total_cost, end in zip(whole, ends, strict=True)]
        costs = [b - a for a, b in zip([0.0, *before], before, strict=False)]
        last = sentence_cost(fst, words) - (before[-1] if before else 0.0)
        costs = [*costs, last] if ended else costs
        shares = words_by_themselves(words)
        new = sum(
            -math.log(weight * share + (1 - weight) * math.exp(-cost))
            for share, cost in zip(shares, costs, strict=False)
        )
        expected[words] = total - sum(costs) + new
    totals = {s.words: s.acoustic_cost / LM_WEIGHT + s.graph_cost for s in found}
    assert totals == pytest.approx(expected, abs=1e-4)
    best = best_at(found, FIRST)
    assert expected[best.words] == pytest.approx(min(expected.values()), abs=1e-4)
    penalised = Setting(LM_WEIGHT, 50.0)
    assert len(best_at(found, penalised).words) == min(len(words) for words in expected)


def test_a_grammar_that_is_not_of_the_search_is_refused() -> None:
    only_a = WalkedGrammar(from_tuples([(0, 1, 1, 0.1, 0)], {0: 0.0}), WORDS)
    lattices = [random_lattice(seed) for seed in range(20)]
    with pytest.raises(UserError, match=r"name the G\.fst of the search"):
        rescore_sentences(
            lattices, only_a, lambda texts: word_log_probs(MODEL, texts), 0.5, 10, FIRST
        )
