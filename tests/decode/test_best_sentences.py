"""The best sentence at every setting against enumeration of all paths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.best_sentences import best_sentences
from pipeline.decode.options import Setting
from tests.decode.random_lattices import all_paths, all_sentences, columns, random_lattice

SETTINGS = [Setting(w, p) for w in (0.5, 2.0, 20.0) for p in (-1.0, 0.0, 1.0)]


@settings(max_examples=80)
@given(st.integers(0, 2**31))
def test_the_cheapest_sentence_of_each_setting(seed: int) -> None:
    lattice = random_lattice(seed)
    paths = set(all_paths(lattice))
    for setting, found in zip(SETTINGS, best_sentences(columns(lattice), SETTINGS), strict=True):
        table = all_sentences(lattice, setting.lm_weight, setting.insertion_penalty)
        assert found.total == pytest.approx(min(table.values()))
        assert table[found.words] == pytest.approx(found.total)
        costs = pytest.approx(found.acoustic_cost), pytest.approx(found.graph_cost)
        assert any(path == (found.words, *costs) for path in paths)
        assert len(found.transition_ids(lattice)) == lattice["num_frames"]


def test_a_lattice_without_a_way_to_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="of u7 has no whole path"):
        best_sentences(columns({**random_lattice(7), "final": []}), SETTINGS)
