"""Phone segments of an alignment, and conversion of an alignment to another tree.

An alignment names for each frame the transition with which its HMM state is left, so a phone ends
at the frame whose transition goes to the final state (Kaldi's hmm/hmm-utils.h SplitToPhones, not
reordered).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm


@dataclass(frozen=True)
class PhoneSegments:
    """Phones of all aligned utterances of a set, in order."""

    start: NDArray[np.int64]  # (S,) first frame, in the set's frame numbering
    length: NDArray[np.int64]  # (S,) frames
    phone_id: NDArray[np.int32]  # (S,)
    left: NDArray[np.int32]  # (S,) the phone before, 0 at the start of an utterance
    right: NDArray[np.int32]  # (S,) the phone after, 0 at the end
    utterance: NDArray[np.int64]  # (S,) index of the utterance


def phone_segments(
    hmm: Hmm, transition_ids: NDArray[np.int32], offsets: NDArray[np.int64]
) -> PhoneSegments:
    """Split alignments (sum T,) into phones; utterances of zeros (not aligned) are left out."""
    utterance_of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    there = transition_ids > 0
    ends = np.flatnonzero(hmm.transitions.is_final[transition_ids] & there)
    frames = np.flatnonzero(there)
    rank = np.searchsorted(frames, ends)  # aligned frames before each end
    previous = np.concatenate(([-1], rank[:-1]))
    start = frames[previous + 1] if len(ends) else np.zeros(0, np.int64)
    phone = hmm.transitions.phone_of[transition_ids[start]]
    utterance = utterance_of[start]
    same = utterance[1:] == utterance[:-1]
    left = np.zeros(len(phone), np.int32)
    right = np.zeros(len(phone), np.int32)
    left[1:] = np.where(same, phone[:-1], 0)
    right[:-1] = np.where(same, phone[1:], 0)
    return PhoneSegments(start, ends - start + 1, phone, left, right, utterance)


def frame_contexts(
    hmm: Hmm, transition_ids: NDArray[np.int32], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Context of every aligned frame.

    Returns:
        Frame indices (T',) and rows (T', 4): left phone, phone, right phone, HMM state.
    """
    segments = phone_segments(hmm, transition_ids, offsets)
    index = np.repeat(np.arange(len(segments.start)), segments.length)
    first = np.repeat(segments.start, segments.length)
    within = np.arange(len(index)) - np.repeat(
        np.cumsum(segments.length) - segments.length, segments.length
    )
    frame = first + within
    rows = np.stack(
        [
            segments.left[index],
            segments.phone_id[index],
            segments.right[index],
            hmm.transitions.hmm_state_of[transition_ids[frame]],
        ],
        axis=1,
    ).astype(np.int32)
    return frame, rows


def unique_rows(rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Distinct rows of small non-negative numbers, sorted, and the index of each row (N,) there.

    As np.unique with an axis, which compares rows number by number and so takes ten times as long.
    """
    key = np.zeros(len(rows), np.int64)
    for column in rows.T:
        key = key * (int(column.max(initial=0)) + 1) + column
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], inverse.ravel()


def convert_alignment(
    source: Hmm, target: Hmm, transition_ids: NDArray[np.int32], offsets: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The same path in another tree's transition_ids (Kaldi's convert-ali); 0 stays 0."""
    frame, rows = frame_contexts(source, transition_ids, offsets)
    converted = np.zeros_like(transition_ids)
    if not len(frame):
        return converted
    index = source.transitions.index_of[transition_ids[frame]]
    unique, inverse = unique_rows(np.column_stack([rows, index]))
    width = target.tree.context_width
    ids = np.empty(len(unique), np.int32)
    for n, (left, phone, right, hmm_state, arc) in enumerate(unique.tolist()):
        window = (left, phone, right) if width == 3 else (phone,)
        pdf_class = target.topology.states(phone)[hmm_state].pdf_class
        pdf = target.tree.pdf_id(window, pdf_class)
        state = target.transitions.transition_state(phone, hmm_state, pdf)
        ids[n] = target.transitions.transition_id(state, arc)
    converted[frame] = ids[inverse]
    return converted
