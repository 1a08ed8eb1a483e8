"""Where an utterance of a stream ends.

Source: Kaldi's online2/online-endpoint.h and .cc: any rule that holds ends the utterance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class EndpointRule:
    """All conditions of a rule must hold. Times in s."""

    needs_speech: bool  # the best path has more than silence
    trailing_silence: float  # at least, at the end of the best path
    relative_cost: float  # at most, of the best path to a final state over the best of all
    length: float = 0.0  # of the utterance, at least

    def holds(self, length: float, silence: float, relative_cost: float) -> bool:
        """Whether all conditions hold."""
        return (
            (length > silence or not self.needs_speech)
            and silence >= self.trailing_silence
            and relative_cost <= self.relative_cost
            and length >= self.length
        )


KALDI_RULES = (  # the defaults of OnlineEndpointConfig
    EndpointRule(False, 5.0, inf),  # nothing was said
    EndpointRule(True, 0.5, 2.0),  # a likely end of a sentence
    EndpointRule(True, 1.0, 8.0),  # a possible one
    EndpointRule(True, 2.0, inf),  # no sentence ends so, but nobody speaks
    EndpointRule(False, 0.0, inf, 20.0),  # too long
)


def is_endpoint(
    rules: Sequence[EndpointRule], length: float, silence: float, relative_cost: float
) -> bool:
    """Whether any rule holds.

    Args:
        length: s of the utterance so far.
        silence: s of silence at the end of its best path.
        relative_cost: see EndpointRule.
    """
    return any(rule.holds(length, silence, relative_cost) for rule in rules)
