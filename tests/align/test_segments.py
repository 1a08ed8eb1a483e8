"""Splitting of alignments into phones, against the path they were made from."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.align.segments import FrameSpan, FrameTimes, split_to_phones
from tests.align.toy_alignment import random_truth, toy_hmm, toy_lang


@pytest.mark.parametrize("reordered", [False, True])
@pytest.mark.parametrize("position_dependent", [False, True])
def test_phones_are_those_the_path_was_made_from(reordered: bool, position_dependent: bool) -> None:
    generator = random.Random(1)
    lang = toy_lang(position_dependent)
    hmm = toy_hmm(lang)
    for number in range(100):
        truth = random_truth(generator, lang, hmm, 1 + number % 5, reordered)
        found = split_to_phones(truth.transition_ids, hmm.transitions)
        assert [(lang.phones.name(p), start, length) for p, start, length in found] == truth.phones


def test_broken_alignments_are_refused() -> None:
    lang = toy_lang()
    hmm = toy_hmm(lang)
    ids = random_truth(random.Random(2), lang, hmm, 3).transition_ids
    with pytest.raises(ValueError, match="ends inside a phone"):
        split_to_phones(ids[:-1], hmm.transitions)
    with pytest.raises(ValueError, match="no frame"):
        split_to_phones(ids[:0], hmm.transitions)
    with pytest.raises(ValueError, match="not one of this model"):
        split_to_phones(np.append(ids, 10**6).astype(np.int32), hmm.transitions)
    final = np.flatnonzero(hmm.transitions.is_final[ids])
    with pytest.raises(ValueError, match="a phone changes"):
        split_to_phones(np.delete(ids, final[0]), hmm.transitions)


def test_times_of_frames() -> None:
    spans = [FrameSpan("a", 0, 3), FrameSpan("b", 3, 7)]
    assert FrameTimes(0.01).segments(spans, 10) == [("a", 0.0, 0.03), ("b", 0.03, 0.1)]
    centred = FrameTimes(0.01, 0.0075).segments(spans, 10)
    assert centred == [("a", 0.0, 0.0375), ("b", 0.0375, 0.115)]  # 9 shifts and one 25 ms window
