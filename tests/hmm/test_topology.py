"""Topologies: what utils/gen_topo.pl writes, and their JSON."""

from __future__ import annotations

import json

import pytest

from pipeline.hmm.topology import HmmState, Topology, bakis_states, silence_states
from tests.hmm.toy_hmm import toy_lang

QUARTER = 0.25


def test_speech_is_a_chain_of_three_states() -> None:
    assert bakis_states(3) == (
        HmmState(0, ((0, 0.75), (1, 0.25))),
        HmmState(1, ((1, 0.75), (2, 0.25))),
        HmmState(2, ((2, 0.75), (3, 0.25))),
    )


def test_silence_is_that_of_gen_topo() -> None:
    inner = tuple((d, QUARTER) for d in range(1, 5))
    assert silence_states(5) == (
        HmmState(0, tuple((d, QUARTER) for d in range(4))),  # all but the last state
        *(HmmState(s, inner) for s in (1, 2, 3)),  # all but the first
        HmmState(4, ((4, 0.75), (5, 0.25))),
    )


@pytest.mark.parametrize("num_states", range(1, 7))
def test_probabilities_of_a_state_sum_to_one_and_every_phone_can_end(num_states: int) -> None:
    for states in (bakis_states(num_states), silence_states(num_states)):
        assert len(states) == num_states
        reached, waiting = set(), [0]
        while waiting:
            state = waiting.pop()
            if state in reached:
                continue
            reached.add(state)
            if state < num_states:
                assert sum(p for _, p in states[state].transitions) == pytest.approx(1)
                waiting += [d for d, _ in states[state].transitions]
        assert reached == set(range(num_states + 1))


def test_each_phone_gets_the_states_of_its_kind() -> None:
    lang = toy_lang(position_dependent=True)
    topology = Topology.for_lang(lang)
    assert topology.phone_ids == list(range(1, 18))
    for phone in topology.phone_ids:
        silent = lang.phones.name(phone).startswith("SIL")
        assert topology.states(phone) == (silence_states(5) if silent else bakis_states(3))
        assert topology.num_pdf_classes(phone) == (5 if silent else 3)


def test_json_keeps_every_phone() -> None:
    topology = Topology.for_phones([2, 3, 5], [1, 4], 2, 4)
    again = Topology.from_json(json.loads(json.dumps(topology.to_json())))
    assert again.phone_ids == topology.phone_ids
    assert all(again.states(p) == topology.states(p) for p in topology.phone_ids)
