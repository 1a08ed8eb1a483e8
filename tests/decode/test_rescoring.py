"""Rescored lattices against every sentence's costs and histories in both grammars."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.rescoring import WalkedGrammar, rescore
from pipeline.graph.fst import Fst, from_tuples
from pipeline.io.errors import UserError
from tests.decode.random_lattices import LM_WEIGHT, WORDS, all_sentences, columns, random_lattice

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
    arcs = [arcs[n] for n in rng.permutation(len(arcs))]
    final = {0: 1.0} | {s: float(rng.exponential()) for s in (1, 2, 3) if rng.random() < 0.5}
    return from_tuples(arcs, final, 4)


def said(fst: Fst, state: int, word: str) -> tuple[float, int]:
    """By the arrays: cost and next state by the word's arc, or else back off and try again."""
    arcs = {
        int(fst.ilabel[a]): (float(fst.cost[a]), int(fst.nextstate[a]))
        for a in range(fst.first_arc[state], fst.first_arc[state + 1])
    }
    if WORDS[word] in arcs:
        return arcs[WORDS[word]]
    if WORDS["#0"] not in arcs:
        return math.inf, state
    back, state = arcs[WORDS["#0"]]
    cost, state = said(fst, state, word)
    return back + cost, state


def ended(fst: Fst, state: int) -> float:
    """Cost of the end, by the arrays."""
    for a in range(fst.first_arc[state], fst.first_arc[state + 1]):
        if not math.isfinite(fst.final[state]) and fst.ilabel[a] == WORDS["#0"]:
            return float(fst.cost[a]) + ended(fst, int(fst.nextstate[a]))
    return float(fst.final[state])


def sentence_cost(fst: Fst, sentence: tuple[str, ...]) -> float:
    """Of the words and the end."""
    total, state = 0.0, fst.start
    for word in sentence:
        cost, state = said(fst, state, word)
        total += cost
    return total + ended(fst, state)


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
    changed = rescore(columns(lattice), old, new)
    rescored = None if changed is None else json.loads(changed.line())
    found = {} if rescored is None else all_sentences(rescored, LM_WEIGHT)
    assert found == pytest.approx(expected, abs=1e-3)
    if changed is not None and rescored is not None:
        assert all(arc[0] < arc[1] for arc in rescored["arcs"])
        back = rescore(changed, new, old)
        assert back is not None
        kept = {w: c for w, c in all_sentences(lattice, LM_WEIGHT).items() if w in expected}
        assert all_sentences(json.loads(back.line()), LM_WEIGHT) == pytest.approx(kept, abs=2e-3)


@settings(max_examples=80)
@given(st.integers(0, 2**31), st.booleans(), st.booleans())
def test_nodes_are_split_by_history_alone(seed: int, missing: bool, reached_final: bool) -> None:
    lattice = {**random_lattice(seed), "reached_final": reached_final}
    old_fst, new_fst = backoff_bigram(seed + 1, False), backoff_bigram(seed, missing)
    nodes: set[tuple[int, int, int]] = set()
    arcs: set[tuple[tuple[int, int, int], int]] = set()

    def follow(node: int, old: int, new: int) -> bool:
        """Whether some way on comes to an end; if so the node counts, and the arcs of those."""
        whole = any(entry[0] == node for entry in lattice["final"])
        for n, (source, target, word, *_) in enumerate(lattice["arcs"]):
            if source == node:
                (was, old_next), (cost, new_next) = (
                    said(old_fst, old, word),
                    said(new_fst, new, word),
                )
                if math.isfinite(was + cost) and follow(target, old_next, new_next):
                    whole = True
                    arcs.add(((node, old, new), n))
        if whole:
            nodes.add((node, old, new))
        return whole

    found = follow(0, old_fst.start, new_fst.start)
    grammars = (WalkedGrammar(fst, WORDS) for fst in (old_fst, new_fst))
    rescored = rescore(columns(lattice), *grammars)
    assert (rescored is not None) == found
    if rescored is not None:
        assert len(rescored.frame) == len(nodes)
        assert len(rescored.arcs) == len(arcs)
        given = sorted(str(lattice["arcs"][n][2:4] + lattice["arcs"][n][5:]) for _, n in arcs)
        written = json.loads(rescored.line())
        assert sorted(str(arc[2:4] + arc[5:]) for arc in written["arcs"]) == given
        assert written["arcs"] == sorted(written["arcs"], key=lambda arc: (arc[:3], arc[3:]))
        assert written["final"] == sorted(written["final"])
        assert written["frame"] == [lattice["frame"][node] for node, *_ in sorted(nodes)]


def test_the_same_grammar_changes_nothing() -> None:
    loop = WalkedGrammar(LOOP, WORDS)
    for seed in range(50):
        whole = rescore(columns(random_lattice(seed)), loop, loop)  # all of it leads to an end
        assert whole is not None
        assert all_sentences(json.loads(whole.line()), 1.0) == all_sentences(
            random_lattice(seed), 1.0
        )
        same = rescore(whole, loop, loop)
        assert same is not None
        assert same.line() == whole.line()


def test_a_lattice_that_did_not_reach_the_end_does_not_pay_for_it() -> None:
    lattice = random_lattice(3)
    old, new = (WalkedGrammar(fst, WORDS) for fst in (LOOP, backoff_bigram(3, False)))
    whole, part = (
        rescore(columns(lattice | {"reached_final": reached}), old, new)
        for reached in (True, False)
    )
    assert whole is not None
    assert part is not None
    assert {*part.ends.graph} == {entry[2] for entry in lattice["final"]}
    assert not {*whole.ends.graph} & {*part.ends.graph}


def test_an_ambiguous_grammar_is_refused() -> None:
    twice = from_tuples([(0, 1, 1, 0.5, 0), (0, 1, 1, 0.7, 1)], {1: 0.0})
    with pytest.raises(UserError, match=r"big/G.fst: it is not deterministic"):
        WalkedGrammar(twice, WORDS, "big/G.fst")
