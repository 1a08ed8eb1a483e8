"""Do two decoders find the same best path? Same words, and how far their costs lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class OneBest(NamedTuple):
    """Best path of one decoder for one utterance."""

    words: tuple[str, ...]
    cost: float  # scaled acoustic + graph + penalties, as the search minimises it


@dataclass(frozen=True)
class Agreement:
    """How two decoders compare on the utterances of a set."""

    utterances: int  # that either decoder has
    same_words: int  # utterances with equal words in both
    largest_cost_difference: float | None  # over utterances that both have; None if there is none
    largest_cost_utterance: str | None
    different: tuple[str, ...]  # utterances with other words, or missing in one decoder

    @property
    def share(self) -> float:
        """Share of utterances with the same words, 1 for an empty set."""
        return self.same_words / self.utterances if self.utterances else 1.0


def compare_decoders(first: Mapping[str, OneBest], second: Mapping[str, OneBest]) -> Agreement:
    """Compare two decoders' best paths, by utterance_id."""
    utterances = sorted(first.keys() | second.keys())
    both = [u for u in utterances if u in first and u in second]
    same = {u for u in both if first[u].words == second[u].words}
    gaps = {u: abs(first[u].cost - second[u].cost) for u in both}
    worst = max(both, key=lambda u: gaps[u], default=None)
    return Agreement(
        utterances=len(utterances),
        same_words=len(same),
        largest_cost_difference=None if worst is None else gaps[worst],
        largest_cost_utterance=worst,
        different=tuple(u for u in utterances if u not in same),
    )
