"""How long a phone lasts: the mean of its speaker in its context, else of something like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.synthesis.linguistic import Phone

MIN_COUNT = 3  # fewer phones give no mean


class DurationModel:
    """Mean durations, in frames of the vocoder.

    Keys, from the first that was heard often enough: (speaker, before, phone, after), (before,
    phone, after), (speaker, phone), (phone).
    """

    def __init__(self, means: dict[tuple[Any, ...], float]) -> None:
        self.means = means

    @classmethod
    def estimate(cls, utterances: Iterable[tuple[str, Sequence[Phone]]]) -> DurationModel:
        """From speaker and phones of each utterance."""
        lengths: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for speaker, phones in utterances:
            for i, phone in enumerate(phones):
                for key in _keys(speaker, [p.phone_id for p in phones], i):
                    lengths[key].append(phone.num_frames)
        return cls({k: sum(v) / len(v) for k, v in lengths.items() if len(v) >= MIN_COUNT})

    def frames(self, speaker: str, phone_ids: Sequence[int], i: int, rate: float = 1.0) -> int:
        """Frames, at least one, of phone i of an utterance that is spoken `rate` times as fast.

        Raises:
            KeyError: the phone has hardly been heard.
        """
        for key in _keys(speaker, phone_ids, i):
            if key in self.means:
                return max(1, round(self.means[key] / rate))
        raise KeyError(phone_ids[i])

    def to_json(self) -> list[list[Any]]:
        """Rows of key and mean."""
        return [[list(key), mean] for key, mean in self.means.items()]

    @classmethod
    def from_json(cls, rows: list[list[Any]]) -> DurationModel:
        """What `to_json` gave."""
        return cls({tuple(key): float(mean) for key, mean in rows})


def _keys(speaker: str, ids: Sequence[int], i: int) -> list[tuple[Any, ...]]:
    before = ids[i - 1] if i else 0
    after = ids[i + 1] if i + 1 < len(ids) else 0
    return [
        (speaker, before, ids[i], after),
        (before, ids[i], after),
        (speaker, ids[i]),
        (ids[i],),
    ]
