"""Joining features with alignments; priors; the held-out choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.hmm.transition_model import TransitionModel
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.nnet.targets import hold_out, log_priors, make_training_set
from tests.nnet.toy_data import feature_set, toy_task
from tests.nnet.toy_hmm import toy_hmm


@pytest.fixture
def transitions() -> TransitionModel:
    return toy_hmm().transitions


def write(path: Path, alignment: dict[str, list[int]]) -> Path:
    write_int_vectors(path / "a.ark", path / "a.scp", list(alignment.items()))
    return path / "a.scp"


def test_pdfs_of_transition_ids(tmp_path: Path, transitions: TransitionModel) -> None:
    features = feature_set([3, 2])
    last = transitions.num_transition_ids
    path = write(tmp_path, {"u001": [last, 1], "u000": [1, 1, 2], "other": [1]})
    training = make_training_set(features, path, transitions)
    expected = [transitions.pdf_of[i] for i in (1, 1, 2, last, 1)]
    assert training.pdfs.tolist() == expected
    assert training.rejects == []
    second = training.select([1])
    assert second.pdfs.tolist() == expected[3:]
    np.testing.assert_array_equal(second.features.frames, features.utterance(1))


def test_utterances_without_alignment_are_listed(
    tmp_path: Path, transitions: TransitionModel
) -> None:
    path = write(tmp_path, {"u001": [1, 1]})
    training = make_training_set(feature_set([3, 2]), path, transitions)
    assert training.features.utterance_ids == ["u001"]
    assert [reject.utterance_id for reject in training.rejects] == ["u000"]


@pytest.mark.parametrize(
    ("alignment", "message"),
    [
        ({"u000": [1, 1]}, "u000: 2 frames aligned, 3 frames of features"),
        ({"u000": [1, 1, 999]}, "u000: transition-ids 1 to 999"),
        ({"u000": [0, 1, 1]}, "u000: transition-ids 0 to 1"),
        ({"other": [1]}, "none of the 1 utterances"),
    ],
)
def test_wrong_alignment(
    tmp_path: Path, transitions: TransitionModel, alignment: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_training_set(feature_set([3]), write(tmp_path, alignment), transitions)


def test_priors_by_hand() -> None:
    priors = np.exp(log_priors(np.array([0, 0, 0, 2]), 3))
    np.testing.assert_allclose(priors, [4 / 7, 1 / 7, 2 / 7])


def test_held_out_choice() -> None:
    ids = [f"u{i}" for i in range(200)]
    chosen = hold_out(ids, 0.1, seed=1)
    assert sum(chosen) == 20
    shuffled = ids[::-1]
    assert hold_out(shuffled, 0.1, seed=1)[::-1] == chosen
    assert hold_out(ids, 0.1, seed=2) != chosen
    assert sum(hold_out(["a", "b"], 0.01, seed=1)) == 1
    assert sum(hold_out(["a", "b"], 0.99, seed=1)) == 1
    with pytest.raises(UserError, match="at least 2"):
        hold_out(["a"], 0.5, seed=1)


def test_copies_are_held_out_with_their_original() -> None:
    ids = [f"u{n}" for n in range(50)]
    chosen = hold_out(ids, 0.2, seed=1)
    copies = [f"vtln{warp}-{name}" for warp in ("0.9", "1.1") for name in ids]
    assert hold_out(ids + copies, 0.2, seed=1) == chosen * 3
    with pytest.raises(UserError, match="at least 2"):
        hold_out(["a", "vtln1.1-a"], 0.5, seed=1)


def test_long_utterances_are_cut_into_pieces_that_are_the_whole() -> None:
    task, _ = toy_task()
    pieces = task.cut(7)
    assert pieces.features.lengths.max() <= 7
    assert pieces.features.lengths.min() >= 3  # nearly equal: no crumbs
    np.testing.assert_array_equal(pieces.features.frames, task.features.frames)
    np.testing.assert_array_equal(pieces.pdfs, task.pdfs)
    ends = set(task.features.offsets.tolist())
    assert ends <= set(pieces.features.offsets.tolist())
    assert len(set(pieces.features.utterance_ids)) == pieces.features.num_utterances
    whole = task.cut(1000)
    assert whole.features.utterance_ids == task.features.utterance_ids
