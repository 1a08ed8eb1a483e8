"""Feature sets: read from cuts and archives, normalised, selected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data import manifests
from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.io.archive import read_scp, write_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from tests.features.toy_features import toy_set


def store(toy: FeatureSet, folder: Path) -> Path:
    """Write a set's archives, in two shards, and its cuts, in reverse order; return the cuts."""
    cuts = []
    for shard in range(2):
        scp = folder / f"{shard}.scp"
        indices = range(shard, toy.num_utterances, 2)
        items = [(toy.utterance_ids[i], toy.utterance(i)) for i in indices]
        write_matrices(folder / f"{shard}.ark", scp, items)
        for i, (utterance_id, place) in zip(indices, read_scp(scp), strict=True):
            length = len(toy.utterance(i))
            spoken = manifests.supervision(
                utterance_id,
                utterance_id,
                0.0,
                length / 100,
                f" {toy.texts[i]}  X",
                toy.speakers[i],
            )
            shape = (length, toy.dim)
            features = manifests.kaldi_features(spoken, place, "kaldi-mfcc", shape, 0.01, 8000)
            sound = manifests.recording(utterance_id, "none.wav", 8000, length * 80)
            cuts.append(manifests.cut(sound, spoken, features, length / 100))
    cuts.sort(key=lambda cut: str(cut["id"]), reverse=True)
    write_json_lines(folder / "cuts.jsonl.gz", cuts)
    return folder / "cuts.jsonl.gz"


def test_frames_are_those_stored_in_the_order_of_the_cuts(tmp_path: Path) -> None:
    toy = toy_set()
    loaded = load_feature_set(store(toy, tmp_path))
    assert loaded.utterance_ids == ["u3", "u2", "u1", "u0"]
    assert loaded.speakers == ["b", "a", "b", "a"]
    assert loaded.texts == ["ONE X"] * 4
    assert loaded.frames.dtype == np.float32
    assert loaded.frames.flags.c_contiguous
    assert loaded.lengths.tolist() == [30, 9, 1, 5]
    for i, utterance_id in enumerate(loaded.utterance_ids):
        assert np.array_equal(loaded.utterance(i), toy.utterance(toy.index_of[utterance_id]))


def test_cmvn_is_applied_by_speaker(tmp_path: Path) -> None:
    toy = toy_set()
    cuts = store(toy, tmp_path)
    write_cmvn(tmp_path / "cmvn.ark", compute_cmvn(toy.frames, toy.offsets, toy.speakers))
    loaded = load_feature_set(cuts, tmp_path / "cmvn.ark")
    of_a = np.concatenate([toy.utterance(0), toy.utterance(2)])
    mean = of_a.mean(axis=0, dtype=np.float64)
    i = loaded.index_of["u0"]
    np.testing.assert_allclose(loaded.utterance(i), toy.utterance(0) - mean, atol=1e-5)
    write_cmvn(tmp_path / "half.ark", {"a": np.ones((2, 4))})
    with pytest.raises(UserError, match=r"half\.ark: speaker b"):
        load_feature_set(cuts, tmp_path / "half.ark")


def test_selection_copies_in_the_order_asked_for() -> None:
    toy = toy_set()
    chosen = toy.select([2, 0])
    assert chosen.utterance_ids == ["u2", "u0"]
    assert chosen.offsets.tolist() == [0, 9, 14]
    assert np.array_equal(chosen.frames, np.concatenate([toy.utterance(2), toy.utterance(0)]))
    assert toy.select([]).frames.shape == (0, 3)


def test_other_frames_must_be_as_many() -> None:
    toy = toy_set()
    wide = toy.with_frames(np.zeros((toy.num_frames, 7), np.float32))
    assert (wide.dim, wide.frames.dtype) == (7, np.float32)
    with pytest.raises(ValueError, match="44 frames given for 45"):
        toy.with_frames(toy.frames[1:])


def test_damage_and_disagreement_are_named(tmp_path: Path) -> None:
    toy = toy_set()
    cuts = store(toy, tmp_path)
    items = list(read_json_lines(cuts))
    items[0]["features"]["num_frames"] += 1
    write_json_lines(tmp_path / "longer.jsonl.gz", items)
    with pytest.raises(UserError, match="utterance u3: holds 30 frames of 3 values"):
        load_feature_set(tmp_path / "longer.jsonl.gz")
    ark = tmp_path / "0.ark"
    ark.write_bytes(ark.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"0\.ark:\d+: utterance u2: no whole matrix"):
        load_feature_set(cuts)
    write_json_lines(tmp_path / "none.jsonl.gz", [])
    with pytest.raises(UserError, match=r"none\.jsonl\.gz: holds no utterance"):
        load_feature_set(tmp_path / "none.jsonl.gz")
