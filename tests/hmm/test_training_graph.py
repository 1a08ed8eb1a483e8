"""Training graphs and Viterbi against enumeration of every path of tiny transcripts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.training_graph import GraphCompiler, TrainingGraph
from tests.hmm.toy_hmm import Entry, all_paths, quick, random_hmm, toy_lang
from tests.hmm.viterbi_inputs import accepts, best_path

pronunciations = st.lists(st.sampled_from("AB"), min_size=1, max_size=2)


@dataclass(frozen=True)
class Case:
    """A transcript with a random model and random log-likelihoods."""

    lang: Lang
    hmm: Hmm
    text: str
    graph: TrainingGraph
    log_likes: NDArray[np.float64]  # (T, P)
    scaled: NDArray[np.float64]

    def paths(self, num_frames: int) -> dict[tuple[int, ...], float]:
        """Every path through the first frames."""
        likes = self.log_likes[:num_frames]
        return all_paths(self.hmm, self.lang, self.text, likes, self.scaled)


@st.composite
def cases(draw: st.DrawFn, triphone: bool, max_frames: int = 6) -> Case:
    """One or two words, up to two pronunciations each; two or one HMM states, silence of four."""
    words: list[Entry] = [("x", 0.8, draw(pronunciations)), ("y", 1.0, draw(pronunciations))]
    if draw(st.booleans()):
        words.append(("x", 0.2, draw(pronunciations)))
    lang = toy_lang(words, draw(st.sampled_from([0.0, 0.3, 0.5])), draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_states = draw(st.integers(1, 2))
    hmm = random_hmm(lang, rng, triphone, num_states, draw(st.integers(2, 4)))
    text = draw(st.sampled_from(["x", "y", "x y", "y y"]))
    log_likes = rng.normal(0, 2, (draw(st.integers(1, max_frames)), hmm.num_pdfs))
    return Case(
        lang,
        hmm,
        text,
        GraphCompiler(lang, hmm).compile(text),
        log_likes,
        hmm.transitions.scaled_log_probs(1.0, 0.1),
    )


@pytest.mark.parametrize("triphone", [False, True])
@quick
@given(data=st.data())
def test_viterbi_finds_the_best_of_all_paths(triphone: bool, data: st.DataObject) -> None:
    case = data.draw(cases(triphone))
    paths = case.paths(len(case.log_likes))
    found, score, _ = best_path(case.graph, case.log_likes, case.scaled)
    if not paths:
        assert score == -np.inf
        assert not found.any()
    else:
        assert score == pytest.approx(max(paths.values()), abs=1e-4)
        assert paths[tuple(found.tolist())] == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("triphone", [False, True])
@quick
@given(data=st.data())
def test_a_graph_accepts_exactly_the_paths_of_its_transcript(
    triphone: bool, data: st.DataObject
) -> None:
    case = data.draw(cases(triphone, max_frames=5))
    paths = set(case.paths(len(case.log_likes)))
    assert all(accepts(case.graph, path) for path in paths)
    # Walk the graph: nothing else comes out.
    graph, num_frames = case.graph, len(case.log_likes)
    walked = set()
    stack: list[tuple[int, tuple[int, ...]]] = [
        (node, ()) for node in np.flatnonzero(np.isfinite(graph.initial)).tolist()
    ]
    arcs_from: dict[int, list[tuple[int, int]]] = {}
    for node in range(graph.num_nodes + 1):
        for arc in range(graph.first_arc[node], graph.first_arc[node + 1]):
            source = int(graph.arc_source[arc])
            arcs_from.setdefault(source, []).append((node, int(graph.arc_transition[arc])))
    while stack:
        node, path = stack.pop()
        if node == graph.num_nodes:
            if len(path) == num_frames:
                walked.add(path)
        elif len(path) < num_frames:
            stack += [(target, (*path, t)) for target, t in arcs_from.get(node, [])]
    assert walked == paths


@pytest.mark.parametrize("triphone", [False, True])
@quick
@given(data=st.data())
def test_the_shortest_utterance_that_fits_is_known(triphone: bool, data: st.DataObject) -> None:
    case = data.draw(cases(triphone))
    shortest = case.graph.min_frames
    assert 1 <= shortest <= 8
    likes = np.zeros((shortest, case.hmm.num_pdfs))
    _, score, _ = best_path(case.graph, likes, case.scaled)
    assert np.isfinite(score)
    for num_frames in range(1, shortest):
        found, score, _ = best_path(case.graph, likes[:num_frames], case.scaled)
        assert score == -np.inf
        assert not found.any()


def test_silence_may_stand_before_between_and_after_words() -> None:
    lang = toy_lang([("a", 1.0, ["A"])])
    hmm = random_hmm(lang, np.random.default_rng(0), True, 1, 1)
    graph = GraphCompiler(lang, hmm).compile("a a")
    silence, a = lang.phones.id("SIL"), lang.phones.id("A")

    def fits(*phones: int) -> bool:
        padded = [0, *phones, 0]
        ids = []
        for n, phone in enumerate(phones, 1):
            pdf = hmm.tree.pdf_id((padded[n - 1], phone, padded[n + 1]), 0)
            state = hmm.transitions.transition_state(phone, 0, pdf)
            ids.append(hmm.transitions.transition_id(state, 1))
        return accepts(graph, ids)

    assert fits(a, a)
    assert fits(silence, a, a)
    assert fits(a, silence, a)
    assert fits(silence, a, silence, a, silence)
    assert not fits(a)
    assert not fits(a, a, a)
    assert not fits(silence, silence, a, a)


def test_an_unknown_word_is_spoken_as_the_lang_says() -> None:
    lexicon: list[Entry] = [("a", 1.0, ["A"]), ("<unk>", 1.0, ["B"])]
    plain = toy_lang(lexicon)
    lang = Lang(**{**vars(plain), "unknown_word": "<unk>"})
    hmm = random_hmm(lang, np.random.default_rng(0))
    compiler = GraphCompiler(lang, hmm)
    known, other = compiler.compile("a <unk>"), compiler.compile("a zebra")
    np.testing.assert_array_equal(known.arc_transition, other.arc_transition)
    with pytest.raises(KeyError, match="zebra"):
        GraphCompiler(plain, hmm).compile("a zebra")
