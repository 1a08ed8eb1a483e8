"""Beam and retry of the Viterbi search, and the equal alignment that starts training."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hmm.equal_alignment import equal_alignment
from pipeline.hmm.model import Hmm
from pipeline.hmm.training_graph import GraphCompiler, TrainingGraph
from tests.hmm.toy_hmm import quick, random_hmm, toy_lang
from tests.hmm.viterbi_inputs import accepts, best_path

TEXTS = ("ab", "ba", "ab ba c", "c c c ab")
seeds = st.integers(0, 2**32 - 1)


def graph_of(seed: int, text: str, triphone: bool = True) -> tuple[Hmm, TrainingGraph]:
    lang = toy_lang()
    hmm = random_hmm(lang, np.random.default_rng(seed), triphone)
    return hmm, GraphCompiler(lang, hmm).compile(text)


@quick
@given(seeds, st.sampled_from(TEXTS), st.floats(0.5, 60))
def test_a_beam_only_ever_loses_paths_and_the_retry_finds_them_again(
    seed: int, text: str, beam: float
) -> None:
    hmm, graph = graph_of(seed, text)
    rng = np.random.default_rng(seed)
    likes = rng.normal(0, 4, (int(rng.integers(graph.min_frames, 40)), hmm.num_pdfs))
    scaled = hmm.transitions.scaled_log_probs(1.0, 0.1)
    wide_path, wide, wide_retried = best_path(graph, likes, scaled)
    assert not wide_retried
    path, score, retried = best_path(graph, likes, scaled, beam)
    assert score <= wide + 1e-3
    assert accepts(graph, path.tolist())
    if retried:  # the second beam is as wide as no beam
        assert score == wide
        np.testing.assert_array_equal(path, wide_path)
        _, score, _ = best_path(graph, likes, scaled, beam, beam)
        assert score == -np.inf


def test_a_path_that_looks_bad_at_first_needs_the_retry() -> None:
    lang = toy_lang([("x", 0.5, ["A", "A", "A", "A"]), ("x", 0.5, ["B"])], silence_probability=0.0)
    hmm = random_hmm(lang, np.random.default_rng(0), triphone=False, num_states=1)
    graph = GraphCompiler(lang, hmm).compile("x")
    b = hmm.tree.pdf_id((lang.phones.id("B"),), 0)
    # Only B fits in three frames, but the first frame is not like B at all.
    likes = np.zeros((3, hmm.num_pdfs))
    likes[0, b] = -20.0
    scaled = hmm.transitions.scaled_log_probs(1.0, 0.1)
    for beam, needed in ((100.0, False), (10.0, True)):
        path, score, retried = best_path(graph, likes, scaled, beam, 100.0)
        assert (retried, hmm.transitions.pdf_of[path].tolist()) == (needed, [b, b, b])
        expected = -20.0 + np.log(0.5) + scaled[path].sum()
        assert score == pytest.approx(expected, abs=1e-4)
    path, score, retried = best_path(graph, likes, scaled, 10.0, 15.0)
    assert (path.tolist(), score, retried) == ([0, 0, 0], -np.inf, True)


@quick
@given(seeds, st.sampled_from(TEXTS), st.booleans(), st.integers(0, 60))
def test_equal_alignment_is_a_path_of_equal_shares(
    seed: int, text: str, triphone: bool, spare: int
) -> None:
    hmm, graph = graph_of(seed, text, triphone)
    transitions = hmm.transitions
    num_frames = graph.min_frames + 30 + spare  # any path without a loop fits
    found = equal_alignment(
        num_frames,
        graph.initial,
        graph.first_arc,
        graph.arc_source,
        graph.arc_transition,
        transitions.is_self_loop,
        np.random.default_rng(seed),
    )
    assert found is not None
    assert len(found) == num_frames
    assert accepts(graph, found.tolist())
    left = np.flatnonzero(~transitions.is_self_loop[found])
    shares = np.diff([-1, *left])
    assert shares.max() - shares.min() <= 1
    for begin, end in itertools.pairwise([-1, *left.tolist()]):
        assert len(set(transitions.state_of[found[begin + 1 : end + 1]].tolist())) == 1


@pytest.mark.parametrize("text", TEXTS)
def test_equal_alignment_of_too_few_frames_is_none(text: str) -> None:
    hmm, graph = graph_of(5, text)
    for num_frames in range(graph.min_frames):
        arguments = (graph.initial, graph.first_arc, graph.arc_source, graph.arc_transition)
        rng = np.random.default_rng(num_frames)
        assert equal_alignment(num_frames, *arguments, hmm.transitions.is_self_loop, rng) is None
