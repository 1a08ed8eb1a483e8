"""Times of phones and words: frames of an alignment -> segments in seconds.

Source of the splitting: Kaldi's hmm/hmm-utils.cc, SplitToPhones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Transitions(Protocol):
    """What is needed of a TransitionModel; arrays are indexed by transition_id."""

    phone_of: NDArray[np.int32]
    state_of: NDArray[np.int32]
    is_self_loop: NDArray[np.bool_]
    is_final: NDArray[np.bool_]


class FrameSpan(NamedTuple):
    """A phone or a word and the frames that it covers."""

    label: str
    start: int
    length: int


class Segment(NamedTuple):
    """A phone or a word and its time in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class FrameTimes:
    """Converts frame numbers to seconds.

    With the offset 0 a frame t stands for the time from t * shift on, as in Kaldi's CTM files. But
    a window of 25 ms is centred 12.5 ms after its start, so the boundary between the frames t - 1
    and t lies, on average, at t * shift + (length - shift) / 2: give that as the offset.
    """

    shift: float = 0.01  # s
    offset: float = 0.0  # s, of boundaries inside an utterance

    def segments(self, spans: Sequence[FrameSpan], num_frames: int) -> list[Segment]:
        """Times of spans in an utterance of T frames; it lasts from 0 to T*shift + 2*offset."""

        def time(frame: int) -> float:
            if frame == 0:
                return 0.0
            ends = 2 if frame == num_frames else 1
            return round(frame * self.shift + ends * self.offset, 6)

        return [Segment(s.label, time(s.start), time(s.start + s.length)) for s in spans]


def _is_reordered(ids: NDArray[np.int32], transitions: Transitions) -> bool:
    """Whether self-loops follow the transition that leaves their state (Kaldi's IsReordered)."""
    states, loops = transitions.state_of[ids], transitions.is_self_loop[ids]
    changes = np.flatnonzero(states[1:] != states[:-1])
    decided = changes[loops[changes] | loops[changes + 1]]
    if len(decided):
        return bool(loops[decided[0]])
    return bool(loops[-1] and not loops[0])


def split_to_phones(
    transition_ids: NDArray[np.int32], transitions: Transitions
) -> list[tuple[int, int, int]]:
    """(phone_id, first frame, number of frames) of each phone in an alignment: (T,) -> list.

    Self-loops may come before the transition that leaves their state (as here) or after it (as
    Kaldi's graphs have them).

    Raises:
        ValueError: the alignment is empty or broken: an unknown id, a phone that changes before its
            last state is left, or an end inside a phone.
    """
    ids = np.asarray(transition_ids)
    if not len(ids):
        raise ValueError("the alignment has no frame")
    if ids.min() < 1 or ids.max() >= len(transitions.phone_of):
        raise ValueError("a transition-id is not one of this model")
    final, loops = transitions.is_final[ids], transitions.is_self_loop[ids]
    ends = np.flatnonzero(final) + 1
    if _is_reordered(ids, transitions):
        # A phone lasts on while the state that was left repeats its self-loop.
        others = np.append(np.flatnonzero(~loops), len(ids))
        ends = others[np.searchsorted(others, ends)]
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
    if not len(ends) or ends[-1] != len(ids):
        raise ValueError("the alignment ends inside a phone")
    phones = transitions.phone_of[ids]
    if not np.array_equal(np.repeat(phones[starts], ends - starts), phones):
        raise ValueError("a phone changes before its last state is left")
    return list(
        zip(phones[starts].tolist(), starts.tolist(), (ends - starts).tolist(), strict=True)
    )
