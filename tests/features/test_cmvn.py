"""CMVN against closed forms and against Kaldi's own reader."""

from __future__ import annotations

from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from pipeline.features.cmvn import apply_cmvn, compute_cmvn, read_cmvn, write_cmvn
from pipeline.io.errors import UserError
from tests.features.toy_features import toy_set


def test_statistics_are_sums() -> None:
    toy = toy_set()
    stats = compute_cmvn(toy.frames, toy.offsets, toy.speakers)
    assert list(stats) == ["a", "b"]
    for speaker, utterances in (("a", [0, 2]), ("b", [1, 3])):
        frames = np.concatenate([toy.utterance(i) for i in utterances]).astype(np.float64)
        np.testing.assert_allclose(stats[speaker][0, :-1], frames.sum(axis=0))
        np.testing.assert_allclose(stats[speaker][1, :-1], (frames**2).sum(axis=0))
        assert stats[speaker][:, -1].tolist() == [len(frames), 0.0]


@pytest.mark.parametrize(
    ("norm_vars", "by_statistics"), [(False, False), (True, False), (True, True)]
)
def test_each_speaker_has_mean_zero_and_on_request_variance_one(
    norm_vars: bool, by_statistics: bool, tmp_path: Path
) -> None:
    toy = toy_set()
    write_cmvn(
        tmp_path / "cmvn.ark", compute_cmvn(toy.frames, toy.offsets, toy.speakers, by_statistics)
    )
    stats = read_cmvn(tmp_path / "cmvn.ark")
    asked = norm_vars and not by_statistics
    frames = apply_cmvn(toy.frames, toy.offsets, toy.speakers, stats, asked)
    assert frames.dtype == np.float32
    normalised = toy.with_frames(frames)
    for utterances in ([0, 2], [1, 3]):
        of_speaker = np.concatenate([normalised.utterance(i) for i in utterances])
        before = np.concatenate([toy.utterance(i) for i in utterances])
        np.testing.assert_allclose(of_speaker.mean(axis=0), 0.0, atol=1e-5)
        expected = 1.0 if norm_vars else before.std(axis=0)
        np.testing.assert_allclose(of_speaker.std(axis=0), expected, rtol=1e-4)


def test_statistics_of_another_set_are_applied_as_given() -> None:
    toy = toy_set()
    stats = {name: np.array([[10.0, 20.0, 30.0, 10.0], [0.0] * 4]) for name in "ab"}
    frames = apply_cmvn(toy.frames, toy.offsets, toy.speakers, stats)
    np.testing.assert_allclose(frames, toy.frames - [1.0, 2.0, 3.0], atol=1e-6)


def test_a_speaker_without_statistics_is_named() -> None:
    toy = toy_set()
    stats = compute_cmvn(toy.frames, toy.offsets, toy.speakers)
    empty = {**stats, "b": np.zeros((2, 4))}
    for bad in ({"a": stats["a"]}, empty):
        with pytest.raises(UserError, match="speaker b: no CMVN statistics"):
            apply_cmvn(toy.frames, toy.offsets, toy.speakers, bad)


def test_kaldi_reads_the_archive(tmp_path: Path) -> None:
    toy = toy_set()
    stats = compute_cmvn(toy.frames, toy.offsets, toy.speakers)
    write_cmvn(tmp_path / "cmvn.ark", stats, tmp_path / "cmvn.scp")
    with kaldi_native_io.SequentialDoubleMatrixReader(f"scp:{tmp_path / 'cmvn.scp'}") as reader:
        theirs = {key: np.array(value) for key, value in reader}
    ours = read_cmvn(tmp_path / "cmvn.ark")
    assert list(theirs) == list(ours) == ["a", "b"]
    for speaker in "ab":
        assert np.array_equal(theirs[speaker], stats[speaker])
        assert np.array_equal(ours[speaker], stats[speaker])
