"""The compiled lattice tools against those of numpy, on random lattices of a search."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.decode import best_path, compiled_lattice, word_lattice
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.options import SearchOptions, Setting
from tests.decode.brute_force import random_graph, random_utterances
from tests.decode.paths import path_costs

OPTIONS = SearchOptions(beam=500.0, lattice_beam=500.0, lm_weight=2.0)
SETTINGS = [Setting(2.0, 0.0), Setting(1.0, 0.5), Setting(7.0, -0.3)]
NUM_GRAPHS = 120


def batch_of(seed: int) -> LatticeBatch:
    """Lattices of three utterances."""
    return KaldiSearch(random_graph(seed), OPTIONS).decode(random_utterances(seed, 3))


def test_best_paths() -> None:
    for seed in range(NUM_GRAPHS):
        batch = batch_of(seed)
        expected = best_path.best_paths(batch, SETTINGS)
        for ours, theirs in zip(
            compiled_lattice.best_paths(batch, SETTINGS), expected, strict=True
        ):
            assert (ours.utterance_id, ours.setting) == (theirs.utterance_id, theirs.setting)
            assert ours.total == pytest.approx(theirs.total, abs=1e-9)
            assert (batch.source[ours.arcs[1:]] == batch.target[ours.arcs[:-1]]).all()


@pytest.mark.parametrize("beam", [0.5, 2.0, 100.0])
def test_word_lattices(beam: float) -> None:
    num_sentences = 0
    for seed in range(NUM_GRAPHS):
        batch, name = batch_of(seed), random_graph(seed).words.name
        expected = word_lattice.word_lattices(batch, 2.0, beam, name)
        found = compiled_lattice.word_lattices(batch, 2.0, beam, name)
        for ours, theirs in zip(found, expected, strict=True):
            for key in ("utterance_id", "num_frames", "reached_final", "lm_weight"):
                assert ours[key] == theirs[key]
            assert sorted(ours["frame"]) == sorted(theirs["frame"])
            assert len(ours["arcs"]) == len(theirs["arcs"])
            if len(ours["arcs"]) < 60:
                costs = path_costs(theirs, beam)
                assert path_costs(ours, beam) == pytest.approx(costs, abs=1e-6)
                num_sentences += len(costs)
            for source, target, _, _, _, ids in ours["arcs"]:
                assert source < target
                assert len(ids) == ours["frame"][target] - ours["frame"][source]
    assert num_sentences > NUM_GRAPHS


def test_a_cycle_is_said() -> None:
    one = np.zeros(1, np.float32)
    batch = LatticeBatch(
        utterance_ids=["u"],
        reached_final=[True],
        first_state=np.array([0, 3]),
        start=np.array([0]),
        final=np.array([2]),
        source=np.array([0, 1, 0]),
        target=np.array([1, 0, 2]),
        transition_id=np.array([1, 1, 1], np.int32),
        words=np.zeros(3, np.int32),
        acoustic=np.repeat(one, 3),
        graph=np.repeat(one, 3),
        word_table=[()],
    )
    with pytest.raises(ValueError, match="cycle"):
        compiled_lattice.best_paths(batch, SETTINGS)
