"""The compiled search against brute-force Viterbi and kaldi-decoder on random graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.decode.best_path import best_paths
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.native_search import NativeSearch
from pipeline.decode.word_lattice import word_lattices
from pipeline.graph.fst import from_tuples
from pipeline.io.errors import UserError
from tests.decode.brute_force import (
    NUM_PDFS,
    PDF_OF,
    WIDE,
    WORDS,
    random_graph,
    random_utterances,
    viterbi,
)
from tests.decode.paths import path_costs

NUM_GRAPHS = 150
BEAM = 0.5


def test_best_paths_are_those_of_viterbi_at_every_setting() -> None:
    num_whole = 0
    for seed in range(NUM_GRAPHS):
        graph = random_graph(seed)
        utterances = {u.utterance_id: u for u in random_utterances(seed, 3)}
        batch = NativeSearch(graph, WIDE).decode(list(utterances.values()))
        reached = dict(zip(batch.utterance_ids, batch.reached_final, strict=True))
        for path in best_paths(batch, WIDE.settings):
            likes = utterances[path.utterance_id].log_likes
            whole = reached[path.utterance_id]
            weight, penalty = path.setting.lm_weight, path.setting.insertion_penalty
            cost, _ = viterbi(graph, likes, weight, penalty, any_end=not whole)
            assert whole == np.isfinite(viterbi(graph, likes, weight)[0])
            if np.isfinite(cost):
                assert path.total == pytest.approx(cost, abs=1e-3), (seed, path.utterance_id)
                ids = [int(i) for i in batch.transition_id[path.arcs] if i > 0]
                assert len(ids) == len(likes)
            num_whole += whole
    assert num_whole > NUM_GRAPHS


@pytest.mark.parametrize("lattice_beam", [0.5, 3.0])
def test_lattices_hold_the_sentences_of_kaldi(lattice_beam: float) -> None:
    options = replace(WIDE, lattice_beam=lattice_beam)
    num_sentences = 0
    for seed in range(NUM_GRAPHS):
        graph, utterances = random_graph(seed), random_utterances(seed, 3)
        kaldi = KaldiSearch(graph, WIDE).decode(utterances)
        native = NativeSearch(graph, options).decode(utterances)
        name = graph.words.name
        expected = word_lattices(kaldi, 2.0, lattice_beam, name)
        for ours, theirs in zip(
            word_lattices(native, 2.0, lattice_beam, name), expected, strict=True
        ):
            assert ours["reached_final"] == theirs["reached_final"]
            found = path_costs(ours, lattice_beam)
            for words, cost in path_costs(theirs, lattice_beam - 1e-2).items():
                assert found[words] == pytest.approx(cost, abs=2e-3)
                num_sentences += 1
    assert num_sentences > NUM_GRAPHS


def test_scratch_is_left_as_it_was() -> None:
    graph, utterances = random_graph(3), random_utterances(3, 4)
    search = NativeSearch(graph, WIDE)
    first, again = search.decode(utterances), search.decode(utterances)
    assert np.array_equal(first.source, again.source)
    assert np.array_equal(first.acoustic, again.acoustic)


def test_few_active_states_still_give_a_path_and_never_a_cheaper_one() -> None:
    narrow = replace(WIDE, beam=1.0, max_active=2)
    for seed in range(NUM_GRAPHS):
        graph, utterances = random_graph(seed), random_utterances(seed, 2)
        batch = NativeSearch(graph, narrow).decode(utterances)
        for path, whole in zip(
            best_paths(batch, narrow.settings[:1]), batch.reached_final, strict=True
        ):
            if whole:
                likes = {u.utterance_id: u.log_likes for u in utterances}[path.utterance_id]
                setting = path.setting
                cost, _ = viterbi(graph, likes, setting.lm_weight, setting.insertion_penalty)
                assert path.total >= cost - 1e-3


def test_long_utterances_keep_their_best_path_through_the_pruning() -> None:
    rng = np.random.default_rng(5)
    for seed in range(20):
        graph = random_graph(seed)
        likes = rng.normal(-20.0, 15.0, (130, NUM_PDFS)).astype(np.float32)
        options = replace(WIDE, lattice_beam=0.5)
        batch = NativeSearch(graph, options).decode([Utterance("long", likes)])
        cost, _ = viterbi(graph, likes, 2.0, any_end=not batch.reached_final[0])
        (path,) = best_paths(batch, [s for s in options.settings if s.lm_weight == 2.0][:1])
        if np.isfinite(cost):
            assert path.total == pytest.approx(cost, rel=1e-6, abs=1e-2)


def test_a_cycle_of_epsilons_is_one_line() -> None:
    arcs = [(0, 0, 1, 0.5, 1), (1, 0, 0, 0.5, 0), (0, 1, 0, 0.0, 1)]
    graph = SearchGraph(from_tuples(arcs, {1: 0.0}), PDF_OF, NUM_PDFS, WORDS)
    with pytest.raises(UserError, match="cycle of epsilons"):
        NativeSearch(graph, WIDE)


def test_a_search_in_parts_is_that_of_the_whole_and_knows_its_best_path_at_any_time() -> None:
    options = replace(WIDE, lattice_beam=1.0)
    num_final = 0
    for seed in range(NUM_GRAPHS):
        graph = random_graph(seed)
        likes = np.concatenate([u.log_likes for u in random_utterances(seed, 8)])
        search = NativeSearch(graph, options)
        running, other = search.start(), search.start()
        other.advance(likes[:3])  # another utterance at the same time
        place = 0
        for size in (1, 2, 5, 30, 1000):
            running.advance(likes[place : place + size])
            place = min(len(likes), place + size)
            assert running.num_frames == place
            arcs = running.best_path()
            cost, _ = viterbi(graph, likes[:place], 2.0, any_end=True)
            assert np.isfinite(cost) == (len(arcs) > 0)
            if not len(arcs):
                continue
            labels = graph.fst.ilabel[arcs]
            pdfs = graph.pdf_of[labels[labels > 0]]
            assert len(pdfs) == place
            acoustic = -likes[np.arange(place), pdfs].sum(dtype=np.float64)
            total = acoustic / 2.0 + graph.fst.cost[arcs].sum(dtype=np.float64)
            assert total == pytest.approx(cost, abs=1e-3)
            end, _ = viterbi(graph, likes[:place], 2.0)
            if np.isfinite(end):
                assert running.final_relative_cost() == pytest.approx(end - cost, abs=1e-3)
                num_final += 1
            else:
                assert running.final_relative_cost() == np.inf
        whole, parts = search.decode([Utterance("a", likes)]), running.finish("a")
        for name in ("source", "target", "transition_id", "words", "acoustic", "graph"):
            assert np.array_equal(getattr(whole, name), getattr(parts, name))
    assert num_final > NUM_GRAPHS
