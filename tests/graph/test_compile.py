"""HCLG against direct enumeration of all its strings and costs from the definitions."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
import pytest

from pipeline.config import GrammarOptions, GraphOptions, LangOptions
from pipeline.graph.compile import make_graph
from pipeline.graph.grammar import grammar_fst
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import HmmState, Topology, bakis_states
from pipeline.hmm.tree import ContextDependency, Leaf, Node, Question
from tests.graph.definition import expected_strings, strings_of_fst

LEXICON = [
    ("A", 1.0, ["x"]),
    ("A", 0.4, ["x", "y"]),
    ("B", 0.9, ["y"]),
    ("C", 1.0, ["x"]),  # sounds as A
]
SILENCE = (
    HmmState(0, ((0, 0.5), (1, 0.3), (2, 0.2))),  # no Bakis: it may skip a state
    HmmState(1, ((1, 0.6), (2, 0.4))),
)


def toy_lang(silence_probability: float) -> Lang:
    """Two phones, three words, a homophone and two pronunciations of one word."""
    return prepare_lang(LEXICON, LangOptions(silence_probability=silence_probability))


def toy_hmm(lang: Lang, context_width: int, seed: int) -> Hmm:
    """Two-state speech, skipping silence, random transitions; triphones ask both neighbours."""
    speech = {p: bakis_states(2) for p in lang.nonsilence_phone_ids()}
    topology = Topology(dict.fromkeys(lang.silence_phone_ids(), SILENCE) | speech)
    roots: dict[tuple[int, int], Node] = {}
    pdf = itertools.count()
    for phone in topology.phone_ids:
        for pdf_class in range(topology.num_pdf_classes(phone)):
            if context_width == 1:
                roots[phone, pdf_class] = Leaf(next(pdf))
            else:
                x = frozenset([lang.phones.id("x")])
                edge = frozenset([0])
                right = Question(2, edge, Leaf(next(pdf)), Leaf(next(pdf)))
                roots[phone, pdf_class] = Question(0, x, Leaf(next(pdf)), right)
    tree = ContextDependency(context_width, context_width // 2, roots)
    hmm = Hmm.initial(topology, tree)
    rng = np.random.default_rng(seed)
    transitions = hmm.transitions
    weights = rng.uniform(0.2, 1.0, transitions.num_transition_ids + 1)
    sums = np.bincount(transitions.state_of, weights)
    transitions.log_prob = np.log(weights / sums[transitions.state_of])
    transitions.log_prob[0] = 0.0
    return hmm


def sentences(kind: str, max_words: int) -> dict[tuple[str, ...], float]:
    """Word sequences of the toy grammars, with their costs."""
    words = ["A", "B", "C"]
    if kind == "one_word":
        return {(w,): math.log(3) for w in words}
    return {
        s: math.log(3) + len(s) * math.log(4)
        for n in range(1, max_words + 1)
        for s in itertools.product(words, repeat=n)
    }


@pytest.mark.parametrize("context_width", [1, 3])
@pytest.mark.parametrize("kind", ["one_word", "loop"])
@pytest.mark.parametrize("silence_probability", [0.0, 0.3])
def test_graph_has_exactly_the_strings_of_its_parts(
    context_width: int, kind: Literal["one_word", "loop"], silence_probability: float
) -> None:
    lang = toy_lang(silence_probability)
    hmm = toy_hmm(lang, context_width, seed=3)
    options = GraphOptions(transition_scale=0.7, self_loop_scale=0.2)
    grammar = grammar_fst(lang, GrammarOptions(type=kind))
    graph = make_graph(lang, grammar, hmm, options)
    longest = 7  # frames: up to three words of one phone
    expected = expected_strings(lang, hmm, sentences(kind, longest // 2), options, longest)
    found = strings_of_fst(graph.fst, longest)
    assert len(expected) > 50
    assert found.keys() == expected.keys()
    assert max(abs(found[key] - expected[key]) for key in expected) < 1e-4


def test_summary_counts_what_is_in_the_graph() -> None:
    lang = toy_lang(0.5)
    hmm = toy_hmm(lang, 3, seed=1)
    graph = make_graph(lang, grammar_fst(lang, GrammarOptions(type="loop")), hmm, GraphOptions())
    assert graph.summary["states"] == graph.fst.num_states
    assert graph.summary["arcs"] == graph.fst.num_arcs
    before_loops = graph.summary["stages"]["HCLGa"]["stochasticity"]
    # The toy pronunciation probabilities sum to 1.4 and 1, so a constant near that remains.
    assert before_loops["highest"] - before_loops["lowest"] < 0.5
