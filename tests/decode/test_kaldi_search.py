"""kaldi-decoder against brute-force Viterbi on random graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.best_path import best_paths
from pipeline.decode.kaldi_search import KaldiSearch
from tests.decode.brute_force import WIDE, random_graph, random_utterances, viterbi

WIDER = replace(WIDE, beam=1000.0, lattice_beam=1000.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_best_paths_are_those_of_viterbi_at_every_setting(seed: int) -> None:
    graph = random_graph(seed)
    utterances = random_utterances(seed, 3)
    batch = KaldiSearch(graph, WIDER).decode(utterances)
    paths = iter(best_paths(batch, WIDER.settings))
    for utterance, reached in zip(utterances, batch.reached_final, strict=True):
        whole, _ = viterbi(graph, utterance.log_likes, WIDER.lm_weight)
        assert reached == np.isfinite(whole)
        for setting in WIDER.settings:
            path = next(paths)
            cost, _ = viterbi(
                graph,
                utterance.log_likes,
                setting.lm_weight,
                setting.insertion_penalty,
                any_end=not reached,
            )
            assert (path.utterance_id, path.setting) == (utterance.utterance_id, setting)
            if np.isfinite(cost):
                assert path.total == pytest.approx(cost, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_alignment_has_a_transition_a_frame_and_its_costs(seed: int) -> None:
    graph = random_graph(seed)
    utterances = random_utterances(seed, 2)
    batch = KaldiSearch(graph, WIDER).decode(utterances)
    likes = {u.utterance_id: u.log_likes for u in utterances}
    for path in best_paths(batch, WIDER.settings):
        ids = batch.transition_id[path.arcs]
        ids = ids[ids > 0]
        if not len(ids):
            continue  # nothing lived to the end
        frames = likes[path.utterance_id]
        assert len(ids) == len(frames)
        acoustic = -frames[np.arange(len(ids)), graph.pdf_of[ids]].sum(dtype=np.float64)
        assert path.acoustic_cost == pytest.approx(acoustic, abs=1e-3)
