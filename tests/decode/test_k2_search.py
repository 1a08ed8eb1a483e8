"""k2 against brute-force Viterbi and kaldi-decoder on random graphs, in k2's own environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.decode.best_path import best_paths
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.k2_environment import k2_python
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.options import Setting
from pipeline.decode.word_lattice import word_lattices
from pipeline.io.archive import write_matrices
from tests.decode.brute_force import WIDE, random_graph, random_utterances, save_graph, viterbi
from tests.decode.paths import path_costs

ROOT = Path(__file__).parents[2]
NUM_GRAPHS = 80
BEAM = 0.5  # narrow, so that word lattices have few sentences


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What k2 finds in the graphs of seeds 0, 1, …"""
    folders = []
    for seed in range(NUM_GRAPHS):
        folder = tmp_path_factory.mktemp("graph")
        save_graph(random_graph(seed), folder)
        items = ((u.utterance_id, u.log_likes) for u in random_utterances(seed, 3))
        write_matrices(folder / "loglikes.ark", None, items)
        (folder / "options.json").write_text(json.dumps(asdict(WIDE)))
        folders.append(folder)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    program = str(Path(__file__).with_name("search_folders.py"))
    python = k2_python(ROOT, os.environ)
    subprocess.run([python, program, *map(str, folders)], check=True, env=environment)
    return [json.loads((folder / "k2.json").read_text()) for folder in folders]


def case(seed: int) -> tuple[SearchGraph, dict[str, Utterance]]:
    """Graph and utterances of a seed."""
    return random_graph(seed), {u.utterance_id: u for u in random_utterances(seed, 3)}


def test_best_paths_are_those_of_viterbi_at_every_setting(found: list[dict[str, Any]]) -> None:
    num_whole = 0
    for seed, result in enumerate(found):
        graph, utterances = case(seed)
        for utterance_id, lm_weight, penalty, total, _, reached, _ in result["paths"]:
            likes = utterances[utterance_id].log_likes
            cost, _ = viterbi(graph, likes, lm_weight, penalty, any_end=not reached)
            assert reached == np.isfinite(viterbi(graph, likes, lm_weight)[0])
            if np.isfinite(cost):
                assert total == pytest.approx(cost, abs=1e-3), (seed, utterance_id)
            num_whole += reached
    assert num_whole > NUM_GRAPHS


def test_same_words_and_costs_as_kaldi(found: list[dict[str, Any]]) -> None:
    num_tied = 0
    for seed, result in enumerate(found):
        graph, utterances = case(seed)
        batch = KaldiSearch(graph, WIDE).decode(list(utterances.values()))
        lattices = word_lattices(batch, WIDE.lm_weight, WIDE.lattice_beam, graph.words.name)
        lattice_of = {lattice["utterance_id"]: lattice for lattice in lattices}
        for path, row in zip(best_paths(batch, WIDE.settings), result["paths"], strict=True):
            assert path.total == pytest.approx(row[3], abs=1e-3)
            if path.setting == Setting(WIDE.lm_weight, WIDE.insertion_penalty):
                # Loops that commute make sentences of equal cost; any of these is right.
                best = path_costs(lattice_of[path.utterance_id], 1e-3)
                assert tuple(row[4]) in best
                num_tied += len(best) > 1
    assert num_tied < 0.2 * 3 * NUM_GRAPHS


def test_alignment_has_a_transition_a_frame(found: list[dict[str, Any]]) -> None:
    for seed, result in enumerate(found):
        _, utterances = case(seed)
        for utterance_id, *_, reached, ids in result["paths"]:
            if reached:
                assert len(ids) == len(utterances[utterance_id].log_likes)


def test_word_lattices_hold_the_sentences_of_kaldi(found: list[dict[str, Any]]) -> None:
    for seed, result in enumerate(found):
        graph, utterances = case(seed)
        batch = KaldiSearch(graph, WIDE).decode(list(utterances.values()))
        expected = word_lattices(batch, WIDE.lm_weight, BEAM, graph.words.name)
        for ours, k2s in zip(expected, result["lattices"], strict=True):
            assert ours["utterance_id"] == k2s["utterance_id"]
            assert ours["reached_final"] == k2s["reached_final"]
            theirs = path_costs(k2s, BEAM)
            for words, cost in path_costs(ours, BEAM - 1e-2).items():
                assert theirs[words] == pytest.approx(cost, abs=2e-3)
