"""Phone segments and conversion of alignments, against walking along each utterance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import convert_alignment, frame_contexts, phone_segments
from tests.hmm.toy_hmm import quick, random_hmm, toy_lang, transition_ids, windows

LANG = toy_lang()
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Path:
    """An alignment that was made phone by phone: each with its HMM states, frame by frame."""

    utterances: list[list[tuple[int, list[int]]]]  # phone_id, HMM states; none: not aligned
    lengths: list[int]

    @property
    def offsets(self) -> NDArray[np.int64]:
        return np.concatenate(([0], np.cumsum(self.lengths))).astype(np.int64)

    def ids(self, hmm: Hmm) -> NDArray[np.int32]:
        """The alignment's transition_ids, 0 in utterances that are not aligned."""
        out: list[int] = []
        for utterance, length in zip(self.utterances, self.lengths, strict=True):
            phones = [phone for phone, _ in utterance]
            if not phones:
                out += [0] * length
            context = windows(phones, hmm.tree.context_width)
            for window, (_, states) in zip(context, utterance, strict=True):
                out += transition_ids(hmm, window, states)
        return np.array(out, np.int32)


def random_path(hmm: Hmm, rng: np.random.Generator) -> Path:
    """Up to five utterances of up to five phones; some not aligned, some phones very short."""
    utterances, lengths = [], []
    for _ in range(rng.integers(1, 6)):
        utterance: list[tuple[int, list[int]]] = []
        for phone in rng.choice(hmm.topology.phone_ids, rng.integers(0, 6)).tolist():
            states, state = [], 0
            while state < len(hmm.topology.states(phone)):
                states.append(state)
                state = int(
                    rng.choice([d for d, _ in hmm.topology.states(phone)[state].transitions])
                )
            utterance.append((phone, states))
        utterances.append(utterance)
        frames = sum(len(states) for _, states in utterance)
        lengths.append(frames or int(rng.integers(1, 4)))
    return Path(utterances, lengths)


def model_and_path(seed: int, triphone: bool) -> tuple[Hmm, Path]:
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
