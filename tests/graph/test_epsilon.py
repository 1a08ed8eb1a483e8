"""Local epsilon removal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.graph import epsilon
from pipeline.graph.epsilon import remove_epsilon_locally
from pipeline.graph.fst import Fst, from_tuples
from pipeline.graph.weights import stochasticity
from tests.graph.definition import strings_of_fst


def random_fst(seed: int) -> Fst:
    """Half of the labels are epsilons; epsilon arcs go forward; arcs out of a state sum to one."""
    rng = np.random.default_rng(seed)
    num_states = int(rng.integers(2, 8))
    arcs = []
    for source in range(num_states):
        for _ in range(int(rng.integers(1, 4))):
            i, o = (int(x) for x in rng.integers(1, 4, 2) * (rng.random(2) < 0.5))
            low = 0 if i else source + 1
            if low < num_states:
                target = int(rng.integers(low, num_states))
                arcs.append((source, i, o, float(rng.uniform(0.1, 1.0)), target))
    ends = {s: float(rng.uniform(0.1, 1.0)) for s in range(num_states) if rng.random() < 0.4}
    ends[num_states - 1] = 0.5
    total = [sum(a[3] for a in arcs if a[0] == s) + ends.get(s, 0.0) for s in range(num_states)]
    return from_tuples(
        [(s, i, o, float(-np.log(p / total[s])), t) for s, i, o, p, t in arcs],
        {s: float(-np.log(p / total[s])) for s, p in ends.items()},
    )


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31))
def test_strings_stay_and_the_fst_does_not_grow(seed: int) -> None:
    fst = random_fst(seed)
    less = remove_epsilon_locally(fst)
    before, after = strings_of_fst(fst, 4), strings_of_fst(less, 4)
    assert before.keys() == after.keys()
    assert all(after[key] == pytest.approx(before[key], abs=1e-4) for key in before)
    assert less.num_arcs <= fst.num_arcs


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31))
def test_a_stochastic_fst_stays_stochastic(seed: int) -> None:
    less = remove_epsilon_locally(random_fst(seed))
    reached = less.reachable()
    for s in np.flatnonzero(reached):
        arcs = slice(less.first_arc[s], less.first_arc[s + 1])
        total = np.exp(-less.cost[arcs]).sum() + np.exp(-less.final[s])
        # Tropical final weights keep the better of two, so a sum may only have become less.
        assert total <= 1.0 + 1e-4


def test_a_chain_becomes_one_arc() -> None:
    fst = from_tuples([(0, 1, 0, 0.5, 1), (1, 0, 2, 0.25, 2), (2, 0, 0, 0.125, 3)], {3: 1.0})
    less = remove_epsilon_locally(fst)
    assert strings_of_fst(less, 3) == {((1,), (2,)): 1.875}
    assert less.subset(less.reachable()[less.source]).num_arcs == 1
    assert stochasticity(less).lowest >= 0.0


def test_compiled_and_plain_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    uses = epsilon._compiled.cache_info().hits
    for seed in range(20):
        fst = random_fst(seed)
        plain = remove_epsilon_locally(fst)
        with monkeypatch.context() as patch:
            patch.setattr(epsilon, "COMPILE_ABOVE", 0)
            compiled = remove_epsilon_locally(fst)
        for name in ("final", "first_arc", "ilabel", "olabel", "cost", "nextstate"):
            assert np.array_equal(getattr(plain, name), getattr(compiled, name))
    assert epsilon._compiled.cache_info().hits > uses
