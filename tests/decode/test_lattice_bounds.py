"""Word lattices stay small where nothing tells the words apart, and keep the best sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.decode import compiled_lattice, word_lattice
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import concatenate
from pipeline.decode.native_search import NativeSearch
from pipeline.decode.options import SearchOptions
from pipeline.graph.fst import from_tuples
from tests.decode.brute_force import NUM_PDFS, PDF_OF, WORDS, random_graph, random_utterances
from tests.decode.paths import path_costs

OPTIONS = SearchOptions(beam=500.0, lattice_beam=500.0, lm_weight=2.0)
TOOLS = [compiled_lattice.word_lattices, word_lattice.word_lattices]


def size(lattice: dict[str, Any]) -> int:
    """Transition-ids on all ways."""
    return sum(len(row[-1]) for row in lattice["arcs"] + lattice["final"])


@pytest.mark.parametrize("tool", TOOLS)
def test_a_narrower_lattice_holds_the_best_sentences(tool: Any) -> None:
    num_narrowed = 0
    for seed in range(40):
        graph = random_graph(seed)
        batch = NativeSearch(graph, OPTIONS).decode(random_utterances(seed, 3))
        most = 2 * max(np.diff(batch.first_state))
        whole = tool(batch, 2.0, 500.0, graph.words.name)
        found = tool(batch, 2.0, 500.0, graph.words.name, most)
        for ours, all_of_it in zip(found, whole, strict=True):
            paths, known = path_costs(ours, 0.5), path_costs(all_of_it, 0.5)
            assert min(paths.values()) == pytest.approx(min(known.values()), abs=1e-6)
            assert paths.keys() <= known.keys()
            if size(ours) < size(all_of_it):
                num_narrowed += 1
                assert size(ours) <= most
    assert num_narrowed > 10


@pytest.mark.parametrize("tool", TOOLS)
def test_scores_that_say_nothing(tool: Any) -> None:
    """All paths cost the same: one is left. The other lattice of the batch loses nothing."""
    arcs = [(0, 1, word, 0.0, 0) for word in range(3)]  # a word or none in each frame
    graph = SearchGraph(from_tuples(arcs, {0: 0.0}), PDF_OF, NUM_PDFS, WORDS)
    search = NativeSearch(graph, OPTIONS)
    flat, small = (
        search.decode([Utterance(name, np.zeros((length, NUM_PDFS), np.float32))])
        for name, length in (("flat", 60), ("small", 3))
    )
    (whole,) = tool(flat, 2.0, 1.0, graph.words.name)
    assert size(whole) > 60 * 60
    first, second = tool(concatenate([flat, small]), 2.0, 1.0, graph.words.name, 200)
    assert size(first) == first["num_frames"] == 60
    assert [second] == list(tool(small, 2.0, 1.0, graph.words.name))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_beam_that_json_wrote_as_a_whole_number_is_halved(tool: Any) -> None:
    options = SearchOptions.from_json('{"lattice_beam": 1, "lm_weight": 2, "lm_weights": [2]}')
    assert {type(weight) for weight in (options.lm_weight, *options.lm_weights)} == {float}
    arcs = [(0, 1, word, 0.0, 0) for word in range(3)]
    graph = SearchGraph(from_tuples(arcs, {0: 0.0}), PDF_OF, NUM_PDFS, WORDS)
    flat = [Utterance("flat", np.zeros((60, NUM_PDFS), np.float32))]
    batch = NativeSearch(graph, options).decode(flat)
    (found,) = tool(batch, options.lm_weight, options.lattice_beam, graph.words.name, 200)
    assert size(found) == 60
