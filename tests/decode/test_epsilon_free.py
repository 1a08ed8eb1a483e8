"""A graph without input epsilons has the same strings at the same costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.epsilon_free import FINAL_LABEL, EpsilonFreeGraph, WordTable, remove_epsilons
from pipeline.graph.fst import from_tuples
from tests.decode.brute_force import random_graph
from tests.graph.definition import Strings, keep_least, strings_of_fst

LONGEST = 3


def strings_of_graph(graph: EpsilonFreeGraph) -> Strings:
    """All strings with at most LONGEST inputs."""
    table: Strings = {}
    stack: list[tuple[int, tuple[int, ...], tuple[int, ...], float]] = [(0, (), (), 0.0)]
    while stack:
        state, inputs, outputs, cost = stack.pop()
        for arc in np.flatnonzero(graph.source == state):
            words = outputs + graph.word_table[graph.words[arc]]
            total = cost + float(graph.cost[arc])
            label = int(graph.transition_id[arc])
            if label == FINAL_LABEL:
                assert graph.target[arc] == graph.num_states - 1
                keep_least(table, (inputs, words), total)
            elif len(inputs) < LONGEST:
                stack.append((int(graph.target[arc]), (*inputs, label), words, total))
    return table


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_strings_and_costs_stay(seed: int) -> None:
    fst = random_graph(seed).fst
    expected = strings_of_fst(fst, LONGEST)
    graph = remove_epsilons(fst, WordTable())
    found = strings_of_graph(graph)
    assert (graph.transition_id != 0).all()
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-4) for key in expected)


def test_words_of_an_epsilon_way_meet_on_one_arc() -> None:
    fst = from_tuples([(0, 0, 5, 1.0, 1), (1, 0, 6, 0.5, 2), (2, 3, 7, 0.25, 3)], {3: 0.0})
    graph = remove_epsilons(fst, WordTable())
    first = int(np.flatnonzero(graph.source == 0)[0])
    assert graph.word_table[graph.words[first]] == (5, 6, 7)
    assert graph.cost[first] == 1.75


def test_a_cycle_of_epsilons_is_refused() -> None:
    fst = from_tuples([(0, 0, 5, 1.0, 1), (1, 0, 0, 0.5, 0), (1, 3, 7, 0.25, 1)], {1: 0.0})
    with pytest.raises(ValueError, match="cycle"):
        remove_epsilons(fst, WordTable())
