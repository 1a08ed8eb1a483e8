"""What a voice reads: for each of the vocoder's frames phone, neighbours, place in the phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Phone(NamedTuple):
    """A phone and the vocoder's frames that it lasts."""

    phone_id: int
    num_frames: int


class LinguisticFeatures:
    """Rows: one-hot phone, phone before, phone after (0: none), one-hot speaker, then the place.

    The place is the share of the phone before and after the middle of the frame, and the log of
    the phone's frames.
    """

    def __init__(self, num_phones: int, speakers: Sequence[str]) -> None:
        """`num_phones`: the largest phone_id."""
        self._num_phones = num_phones
        self._speakers = list(speakers)

    @property
    def dim(self) -> int:
        """Values a frame."""
        return 3 * (self._num_phones + 1) + len(self._speakers) + 3

    def rows(self, phones: Sequence[Phone], speaker: str) -> NDArray[np.float32]:
        """(T, dim) of one utterance.

        Raises:
            ValueError: a speaker or phone that the voice does not know.
        """
        ids = [phone.phone_id for phone in phones]
        if ids and not 0 < min(ids) <= max(ids) <= self._num_phones:
            raise ValueError(
                f"phone_ids {min(ids)} to {max(ids)}, known are 1 to {self._num_phones}"
            )
        lengths = np.array([phone.num_frames for phone in phones], np.int64)
        index = np.repeat(np.arange(len(phones)), lengths)
        within = np.arange(len(index)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        length = lengths[index]
        before, after = [0, *ids[:-1]], [*ids[1:], 0]
        one_hot = np.eye(self._num_phones + 1, dtype=np.float32)
        who = np.zeros((len(index), len(self._speakers)), np.float32)
        who[:, self._speakers.index(speaker)] = 1.0
        share = (within + 0.5) / np.maximum(length, 1)
        place = np.column_stack([share, 1.0 - share, np.log(np.maximum(length, 1))])
        contexts = [one_hot[np.array(names, np.int64)[index]] for names in (ids, before, after)]
        return np.concatenate([*contexts, who, place.astype(np.float32)], axis=1)


def vocoder_phones(
    phone_ids: Sequence[int],
    starts: Sequence[int],
    num_frames: int,
    first_centre_ms: float,
    frame_shift_ms: float,
    vocoder_shift_ms: float,
) -> list[Phone]:
    """Phones of an alignment on the vocoder's frames, which begin at time 0.

    Two phones meet half-way between the centres of the frames of features that they begin and end
    with. A phone that no frame of the vocoder is left for is dropped.

    Args:
        phone_ids: in order.
        starts: the frame of features at which each begins, the first 0.
        num_frames: of the vocoder.
        first_centre_ms: centre of frame 0 of the features.
        frame_shift_ms: of the features.
        vocoder_shift_ms: of the vocoder.
    """
    borders = [
        round((first_centre_ms + (start - 0.5) * frame_shift_ms) / vocoder_shift_ms)
        for start in starts[1:]
    ]
    edges = [0, *(min(border, num_frames) for border in borders), num_frames]
    pairs = zip(phone_ids, edges[:-1], edges[1:], strict=True)
    return [Phone(phone_id, end - begin) for phone_id, begin, end in pairs if end > begin]
