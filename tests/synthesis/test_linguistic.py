"""What a voice reads, and durations: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.durations import DurationModel
from pipeline.synthesis.linguistic import LinguisticFeatures, Phone, vocoder_phones


def test_rows_by_hand() -> None:
    features = LinguisticFeatures(3, ["ann", "bob"])
    rows = features.rows([Phone(2, 2), Phone(3, 1)], "bob")
    assert rows.shape == (3, features.dim) == (3, 3 * 4 + 2 + 3)
    assert rows[:, :4].argmax(axis=1).tolist() == [2, 2, 3]
    assert rows[:, 4:8].argmax(axis=1).tolist() == [0, 0, 2]
    assert rows[:, 8:12].argmax(axis=1).tolist() == [3, 3, 0]
    assert rows[:, 12:14].tolist() == [[0.0, 1.0]] * 3
    np.testing.assert_allclose(rows[:, 14], [0.25, 0.75, 0.5])
    np.testing.assert_allclose(rows[:, 15], [0.75, 0.25, 0.5])
    np.testing.assert_allclose(rows[:, 16], np.log([2, 2, 1]), rtol=1e-6)
    with pytest.raises(ValueError, match="phone_ids 4 to 4, known are 1 to 3"):
        features.rows([Phone(4, 1)], "ann")


def test_phones_meet_between_the_centres_of_frames() -> None:
    """Frames of 25 ms every 10 ms: centres 12.5, 22.5, ...; the border before frame 3 is 37.5."""
    phones = vocoder_phones([7, 8, 9], [0, 3, 5], 20, 12.5, 10.0, 5.0)
    assert phones == [Phone(7, 8), Phone(8, 4), Phone(9, 8)]  # borders 37.5 and 57.5 ms
    assert sum(phone.num_frames for phone in phones) == 20
    short = vocoder_phones([7, 8, 9], [0, 3, 5], 9, 12.5, 10.0, 5.0)
    assert short == [Phone(7, 8), Phone(8, 1)]  # nothing is left for the last


def test_durations_fall_back_to_what_was_heard_often_enough() -> None:
    heard = [("ann", [Phone(1, 4), Phone(2, 10), Phone(1, 4)])] * 3
    heard += [("bob", [Phone(1, 2), Phone(2, 20), Phone(3, 6)])] * 3
    model = DurationModel.from_json(DurationModel.estimate(heard).to_json())
    assert model.frames("ann", [1, 2, 1], 1) == 10
    assert model.frames("ann", [1, 2, 3], 1) == 20  # the context, of another speaker
    assert model.frames("bob", [1, 2, 1], 1) == 10
    assert model.frames("ann", [3, 2, 3], 1) == 10  # the speaker, in another context
    assert model.frames("ann", [3], 0) == 6  # the phone, of anyone
    assert model.frames("ann", [1, 2, 1], 1, rate=2.0) == 5
    assert model.frames("ann", [1, 2, 1], 1, rate=100.0) == 1
    with pytest.raises(KeyError):
        model.frames("ann", [9], 0)
