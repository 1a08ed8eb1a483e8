"""Phone segments and conversion of alignments, against walking along each utterance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import convert_alignment, frame_contexts, phone_segments, unique_rows
from tests.hmm.toy_hmm import quick, random_hmm, toy_lang
from tests.hmm.toy_paths import ToyPath, random_path

LANG = toy_lang()
seeds = st.integers(0, 2**32 - 1)


def model_and_path(seed: int, triphone: bool) -> tuple[Hmm, ToyPath]:
    rng = np.random.default_rng(seed)
    hmm = random_hmm(LANG, rng, triphone)
    return hmm, random_path(hmm, rng)


@quick
@given(seeds, st.booleans())
def test_segments_are_the_phones_that_the_path_was_made_of(seed: int, triphone: bool) -> None:
    hmm, path = model_and_path(seed, triphone)
    segments = phone_segments(hmm, path.ids(hmm), path.offsets)
    expected = []
    for u, utterance in enumerate(path.utterances):
        phones = [0, *(phone for phone, _ in utterance), 0]
        start = int(path.offsets[u])
        for n, (phone, states) in enumerate(utterance, 1):
            expected.append((start, len(states), phone, phones[n - 1], phones[n + 1], u))
            start += len(states)
    columns = (
        *(segments.start, segments.length, segments.phone_id),
        *(segments.left, segments.right, segments.utterance),
    )
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == expected


@quick
@given(seeds, st.booleans())
def test_each_aligned_frame_has_the_context_of_its_phone(seed: int, triphone: bool) -> None:
    hmm, path = model_and_path(seed, triphone)
    frame, rows = frame_contexts(hmm, path.ids(hmm), path.offsets)
    expected = {}
    for u, utterance in enumerate(path.utterances):
        phones = [0, *(phone for phone, _ in utterance), 0]
        at = int(path.offsets[u])
        for n, (phone, states) in enumerate(utterance, 1):
            for state in states:
                expected[at] = [phones[n - 1], phone, phones[n + 1], state]
                at += 1
    assert dict(zip(frame.tolist(), rows.tolist(), strict=True)) == expected
    assert frame.tolist() == sorted(expected)


@quick
@given(seeds, st.booleans(), st.booleans())
def test_a_converted_alignment_is_the_same_path_in_the_other_tree(
    seed: int, source_triphone: bool, target_triphone: bool
) -> None:
    source, path = model_and_path(seed, source_triphone)
    target = random_hmm(LANG, np.random.default_rng(seed + 1), target_triphone)
    converted = convert_alignment(source, target, path.ids(source), path.offsets)
    np.testing.assert_array_equal(converted, path.ids(target))
    back = convert_alignment(target, source, converted, path.offsets)
    np.testing.assert_array_equal(back, path.ids(source))


def test_nothing_aligned_gives_nothing() -> None:
    hmm = random_hmm(LANG, np.random.default_rng(0))
    ids, offsets = np.zeros(7, np.int32), np.array([0, 3, 7])
    assert len(phone_segments(hmm, ids, offsets).start) == 0
    assert len(frame_contexts(hmm, ids, offsets)[0]) == 0
    np.testing.assert_array_equal(convert_alignment(hmm, hmm, ids, offsets), ids)


@quick
@given(seeds, st.integers(0, 60), st.integers(1, 5))
def test_unique_rows_are_those_of_numpy(seed: int, num_rows: int, num_columns: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, rng.integers(1, 200, num_columns), (num_rows, num_columns))
    unique, inverse = unique_rows(rows.astype(np.int32))
    expected, place = np.unique(rows, axis=0, return_inverse=True)
    np.testing.assert_array_equal(unique, expected)
    np.testing.assert_array_equal(inverse, place.ravel())
