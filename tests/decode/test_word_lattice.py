"""Word lattices against the lattices they come from and against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.best_path import best_paths
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.options import SearchOptions, Setting
from pipeline.decode.word_lattice import word_lattices
from tests.decode.brute_force import random_graph, random_utterances
from tests.decode.paths import path_costs

OPTIONS = SearchOptions(beam=500.0, lattice_beam=500.0, lm_weight=2.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_best_sentence_and_its_cost_stay(seed: int) -> None:
    graph = random_graph(seed)
    batch = KaldiSearch(graph, OPTIONS).decode(random_utterances(seed, 2))
    paths = best_paths(batch, [Setting(OPTIONS.lm_weight, 0.0)])
    for path, lattice in zip(
        paths, word_lattices(batch, OPTIONS.lm_weight, 2.0, graph.words.name), strict=True
    ):
        sentences = path_costs(lattice, 1e-3)
        assert min(sentences.values()) == pytest.approx(path.total, abs=1e-3)
        assert tuple(graph.words.name(word) for word in path.words) in sentences


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_arcs_go_forward_and_their_transitions_fill_the_frames(seed: int) -> None:
    graph = random_graph(seed)
    utterances = random_utterances(seed, 2)
    batch = KaldiSearch(graph, OPTIONS).decode(utterances)
    for utterance, lattice in zip(
        utterances, word_lattices(batch, OPTIONS.lm_weight, 1.0, graph.words.name), strict=True
    ):
        frame = lattice["frame"]
        assert frame[0] == 0
        for source, target, _, acoustic, _, ids in lattice["arcs"]:
            assert source < target
            assert len(ids) == frame[target] - frame[source]
            likes = utterance.log_likes[np.arange(frame[source], frame[target]), graph.pdf_of[ids]]
            assert acoustic == pytest.approx(-likes.sum(dtype=np.float64), abs=1e-3)
        for node, _, _, ids in lattice["final"]:
            assert frame[node] + len(ids) == lattice["num_frames"]


def lattice(arcs: list[tuple[int, int, int, int, float, float]]) -> LatticeBatch:
    """From (source, target, transition_id, words, acoustic, graph); the last state is final."""
    columns = [np.array(column) for column in zip(*arcs, strict=True)]
    last = int(columns[1].max())
    return LatticeBatch(
        utterance_ids=["u"],
        reached_final=[True],
        first_state=np.array([0, last + 1]),
        start=np.array([0]),
        final=np.array([last]),
        source=columns[0],
        target=columns[1],
        transition_id=columns[2].astype(np.int32),
        words=columns[3].astype(np.int32),
        acoustic=columns[4].astype(np.float32),
        graph=columns[5].astype(np.float32),
        word_table=[(), (1,), (2,), (1, 2)],
    )


def written(batch: LatticeBatch, beam: float) -> dict[str, Any]:
    """Its word lattice, words named by their ids."""
    (found,) = word_lattices(batch, 1.0, beam, str)
    return found


def test_ways_beyond_the_beam_are_left_out() -> None:
    batch = lattice([(0, 1, 1, 1, 0.0, 1.0), (0, 1, 1, 2, 0.0, 3.0), (1, 2, 0, 0, 0.0, 0.5)])
    assert [arc[2] for arc in written(batch, 1.9)["arcs"]] == ["1"]
    assert [arc[2] for arc in written(batch, 2.1)["arcs"]] == ["1", "2"]


def test_an_arc_of_two_words_becomes_a_chain() -> None:
    result = written(lattice([(0, 1, 4, 3, 2.0, 1.0), (1, 2, 0, 0, 0.0, 0.5)]), 1.0)
    assert result["frame"] == [0, 1, 1]
    assert result["arcs"] == [[0, 1, "1", 2.0, 1.0, [4]], [1, 2, "2", 0.0, 0.0, []]]
    assert result["final"] == [[2, 0.0, 0.5, []]]


def test_a_lattice_with_a_cycle_is_refused() -> None:
    batch = lattice([(0, 1, 1, 0, 0.0, 0.0), (1, 0, 1, 0, 0.0, 0.0), (1, 2, 0, 0, 0.0, 0.0)])
    with pytest.raises(ValueError, match="cycle"):
        written(batch, 1.0)
