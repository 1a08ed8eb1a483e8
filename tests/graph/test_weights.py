"""Stochasticity, and pushing weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.graph.fst import Fst, from_tuples
from pipeline.graph.weights import push_special, stochasticity
from tests.graph.definition import strings_of_fst


def random_fst(seed: int) -> Fst:
    """A connected cycle-free chain with side arcs, all states on a path to the end."""
    rng = np.random.default_rng(seed)
    num_states = int(rng.integers(2, 7))
    arcs = [(s, s + 1, 1 + s, float(rng.exponential(2.0)), s + 1) for s in range(num_states - 1)]
    for _ in range(int(rng.integers(0, 8))):
        source, target = (int(s) for s in rng.integers(0, num_states, 2))
        arcs.append((source, int(rng.integers(1, 5)), 7, float(rng.normal(2.0, 2.0)), target))
    return from_tuples(arcs, {num_states - 1: float(rng.exponential(1.0))})


def test_a_probability_distribution_is_stochastic() -> None:
    arcs = [(0, 1, 1, math.log(2), 0), (0, 2, 2, math.log(4), 1)]
    fst = from_tuples(arcs, {0: math.log(4), 1: 0.0})
    found = stochasticity(fst)
    assert found.lowest == pytest.approx(0.0, abs=1e-6)
    assert found.highest == pytest.approx(0.0, abs=1e-6)


def test_a_state_that_sums_to_two_is_found() -> None:
    fst = from_tuples([(0, 1, 1, 0.0, 1), (0, 2, 2, 0.0, 1)], {1: 0.5})
    found = stochasticity(fst)
    assert found.lowest == pytest.approx(-math.log(2))
    assert found.highest == pytest.approx(0.5)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_pushing_makes_sums_equal_and_keeps_paths(seed: int) -> None:
    fst = random_fst(seed)
    pushed = push_special(fst)
    found = stochasticity(pushed)
    assert found.highest - found.lowest < 0.01
    before, after = strings_of_fst(fst, 6), strings_of_fst(pushed, 6)
    assert before.keys() == after.keys()
    assert all(after[key] == pytest.approx(before[key], abs=1e-4) for key in before)
