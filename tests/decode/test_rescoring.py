"""Rescored lattices against every sentence's costs in both grammars."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.rescoring import WalkedGrammar, rescore
from pipeline.graph.fst import Fst, from_tuples
from pipeline.io.errors import UserError
from tests.decode.random_lattices import LM_WEIGHT, WORDS, all_sentences, random_lattice

LOOP = from_tuples([(0, i, i, 1.5, 0) for i in (1, 2, 3)], {0: 0.7})


def backoff_bigram(seed: int, missing: bool) -> Fst:
    """State 0 is the empty history (it may lack a word), 1 to 3 the words, 4 the start."""
    rng = np.random.default_rng(seed)
    words = [1, 2, 3] if not missing else [1, 2]
    arcs = [(0, w, w, float(rng.exponential()), w) for w in words]
    for state in (1, 2, 3, 4):
        for word in words:
            if rng.random() < 0.5:
                arcs.append((state, word, word, float(rng.exponential()), word))
        arcs.append((state, WORDS["#0"], 0, float(rng.exponential()), 0))
    final = {0: 1.0} | {s: float(rng.exponential()) for s in (1, 2, 3) if rng.random() < 0.5}
    return from_tuples(arcs, final, 4)


def sentence_cost(fst: Fst, sentence: tuple[str, ...]) -> float:
    """By the arrays: the word's arc, or else back off and try again."""

    def arc(state: int, label: int) -> int | None:
        for a in range(fst.first_arc[state], fst.first_arc[state + 1]):
            if fst.ilabel[a] == label:
                return a
        return None

    def cost(state: int, rest: tuple[str, ...]) -> float:
        here = arc(state, WORDS[rest[0]]) if rest else None
        if here is not None:
            return float(fst.cost[here]) + cost(int(fst.nextstate[here]), rest[1:])
        if not rest and math.isfinite(fst.final[state]):
            return float(fst.final[state])
        back = arc(state, WORDS["#0"])
        if back is None:
            return math.inf
        return float(fst.cost[back]) + cost(int(fst.nextstate[back]), rest)

    return cost(fst.start, sentence)


@settings(max_examples=80)
@given(st.integers(0, 2**31), st.booleans(), st.booleans())
def test_each_sentence_pays_the_new_grammar(seed: int, from_bigram: bool, missing: bool) -> None:
    lattice = random_lattice(seed)
    old_fst = backoff_bigram(seed + 1, False) if from_bigram else LOOP
    new_fst = backoff_bigram(seed, missing)
    old, new = (WalkedGrammar(fst, WORDS) for fst in (old_fst, new_fst))
    expected = {}
    for words, total in all_sentences(lattice, LM_WEIGHT).items():
        change = sentence_cost(new_fst, words) - sentence_cost(old_fst, words)
        if change < math.inf:
            expected[words] = total + change
        assert new.cost(words) == pytest.approx(sentence_cost(new_fst, words))
    rescored = rescore(lattice, old, new)
    found = {} if rescored is None else all_sentences(rescored, LM_WEIGHT)
    assert found == pytest.approx(expected, abs=1e-3)
    if rescored is not None:
        assert all(arc[0] < arc[1] for arc in rescored["arcs"])
        back = rescore(rescored, new, old)
        assert back is not None
        kept = {w: c for w, c in all_sentences(lattice, LM_WEIGHT).items() if w in expected}
        assert all_sentences(back, LM_WEIGHT) == pytest.approx(kept, abs=2e-3)


def test_a_lattice_that_did_not_reach_the_end_does_not_pay_for_it() -> None:
    lattice = {**random_lattice(3), "reached_final": False}
    old, new = (WalkedGrammar(fst, WORDS) for fst in (LOOP, backoff_bigram(3, False)))
    whole, part = rescore(lattice | {"reached_final": True}, old, new), rescore(lattice, old, new)
    assert whole is not None
    assert part is not None
    for before, after in zip(lattice["final"], part["final"], strict=False):
        assert before[2] == after[2]
    assert [f[2] for f in whole["final"]] != [f[2] for f in part["final"]]


def test_an_ambiguous_grammar_is_refused() -> None:
    twice = from_tuples([(0, 1, 1, 0.5, 0), (0, 1, 1, 0.7, 1)], {1: 0.0})
    with pytest.raises(UserError, match=r"big/G.fst: it is not deterministic"):
        WalkedGrammar(twice, WORDS, "big/G.fst")
