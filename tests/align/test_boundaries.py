"""Boundary errors: hand-made cases, and a model's alignment of speech whose times are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.align.boundaries import BoundaryError, Sound, boundary_errors
from pipeline.align.export import align_utterance
from pipeline.align.forced import align_features
from pipeline.align.segments import FrameTimes, Segment
from pipeline.config import AlignOptions
from tests.align.spoken import digits_lang, features_of, speak_digits, train_mono

SOUNDS = (
    Sound(("F",), 0.2, 0.3),
    Sound(("AO", "R"), 0.3, 0.5),  # one sound: nobody knows where AO ends
    Sound(("T",), 0.6, 0.7),
)


def times(*marks: tuple[str, float, float]) -> list[Segment]:
    return [Segment(*mark) for mark in marks]


def rounded(errors: list[BoundaryError]) -> list[tuple[float, str, str]]:
    return [(round(error, 6), left, right) for error, left, right in errors]


def test_each_boundary_counts_once_and_a_pause_has_two() -> None:
    aligned = times(
        ("SIL", 0, 0.21), ("F", 0.21, 0.28), ("AO", 0.28, 0.4), ("R", 0.4, 0.52),
        ("SIL", 0.52, 0.57), ("T", 0.57, 0.7), ("SIL", 0.7, 1.0),
    )  # fmt: skip
    assert rounded(boundary_errors(aligned, SOUNDS, {"SIL"})) == [
        (0.01, "SIL", "F"),
        (-0.02, "F", "AO"),
        (0.02, "R", "SIL"),
        (-0.03, "SIL", "T"),
        (0.0, "T", "SIL"),
    ]


def test_a_missed_pause_and_one_made_up_cost_their_length() -> None:
    aligned = times(
        ("F", 0.2, 0.25), ("SIL", 0.25, 0.3), ("AO", 0.3, 0.4), ("R", 0.4, 0.5), ("T", 0.5, 0.7)
    )
    assert rounded(boundary_errors(aligned, SOUNDS, {"SIL"})) == [
        (0.0, "SIL", "F"),
        (-0.05, "F", "AO"),
        (0.0, "F", "AO"),
        (0.0, "R", "SIL"),
        (-0.1, "SIL", "T"),
        (0.0, "T", "SIL"),
    ]


def test_another_number_of_phones() -> None:
    with pytest.raises(ValueError, match="1 phones are aligned, 4 were spoken"):
        boundary_errors(times(("F", 0.2, 0.3)), SOUNDS, {"SIL"})


def test_alignment_of_known_speech() -> None:
    lang, utterances = digits_lang(), speak_digits(60)
    features = features_of(utterances)
    model = train_mono(lang, features)
    alignment, _ = align_features(model, lang, features, AlignOptions())
    assert alignment.aligned.all()
    errors, ends = [], []
    for u, utterance in enumerate(utterances):
        ids = alignment.transition_ids[features.offsets[u] : features.offsets[u + 1]]
        found = align_utterance(
            utterance.utterance_id,
            ids,
            utterance.text.split(),
            model.hmm.transitions,
            lang,
            FrameTimes(0.01, 0.0075),
        )
        here = boundary_errors(found.phones, utterance.sounds, lang.silence_phones)
        errors += [1000 * abs(error) for error, _, _ in here]
        ends += [1000 * abs(here[0].error), 1000 * abs(here[-1].error)]
    # Ten words leave much freedom inside a word; a phone lasts 110 ms on average here.
    assert np.median(errors) < 35
    assert np.median(ends) < 25
