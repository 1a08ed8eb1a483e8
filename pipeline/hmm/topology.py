"""HMM topologies of phones: which states a phone has and how they may follow each other.

Source: Kaldi's hmm/hmm-topology.h and utils/gen_topo.pl.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.hmm.lang import Lang


@dataclass(frozen=True)
class HmmState:
    """An emitting state: its pdf class, and (destination state, initial probability) pairs.

    The destination ``number of states`` is the non-emitting final state.
    """

    pdf_class: int
    transitions: tuple[tuple[int, float], ...]


def bakis_states(num_states: int) -> tuple[HmmState, ...]:
    """Left-to-right states with self-loops, each initial probability 0.75 / 0.25."""
    return tuple(HmmState(s, ((s, 0.75), (s + 1, 0.25))) for s in range(num_states))


def silence_states(num_states: int) -> tuple[HmmState, ...]:
    """Kaldi's silence: an entry state, a fully connected middle, and a last state that exits."""
    if num_states < 3:
        return bakis_states(num_states)
    last = num_states - 1
    p = 1.0 / last
    entry = HmmState(0, tuple((d, p) for d in range(last)))
    middle = tuple(HmmState(s, tuple((d, p) for d in range(1, num_states))) for s in range(1, last))
    return (entry, *middle, HmmState(last, ((last, 0.75), (num_states, 0.25))))


class Topology:
    """States of every phone, by phone_id."""

    def __init__(self, states: dict[int, tuple[HmmState, ...]]):
        self._states = states

    @classmethod
    def for_lang(cls, lang: Lang, num_states: int = 3, num_silence_states: int = 5) -> Topology:
        """The usual topology: ``num_states`` Bakis for speech, Kaldi's own for silence."""
        return cls.for_phones(
            lang.nonsilence_phone_ids(), lang.silence_phone_ids(), num_states, num_silence_states
        )

    @classmethod
    def for_phones(
        cls,
        nonsilence: Iterable[int],
        silence: Iterable[int],
        num_states: int = 3,
        num_silence_states: int = 5,
    ) -> Topology:
        """As ``for_lang``, from phone ids."""
        speech, sil = bakis_states(num_states), silence_states(num_silence_states)
        states = dict.fromkeys(nonsilence, speech) | dict.fromkeys(silence, sil)
        return cls(dict(sorted(states.items())))

    @property
    def phone_ids(self) -> list[int]:
        """All phones, ascending."""
        return list(self._states)

    def states(self, phone_id: int) -> tuple[HmmState, ...]:
        """Emitting states of a phone."""
        return self._states[phone_id]

    def num_pdf_classes(self, phone_id: int) -> int:
        """Pdf classes of a phone."""
        return 1 + max(state.pdf_class for state in self._states[phone_id])

    def to_json(self) -> Any:
        """A list of {phones, states} groups."""
        groups: dict[tuple[HmmState, ...], list[int]] = {}
        for phone, states in self._states.items():
            groups.setdefault(states, []).append(phone)
        return [
            {
                "phones": phones,
                "states": [[s.pdf_class, [list(t) for t in s.transitions]] for s in states],
            }
            for states, phones in groups.items()
        ]

    @classmethod
    def from_json(cls, data: Any) -> Topology:
        """The inverse of ``to_json``."""
        table = {}
        for group in data:
            states = tuple(
                HmmState(int(c), tuple((int(d), float(p)) for d, p in t))
                for c, t in group["states"]
            )
            table.update({int(phone): states for phone in group["phones"]})
        return cls(dict(sorted(table.items())))
