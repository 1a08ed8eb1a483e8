"""Transition model: ids against plain loops, probabilities, and the maximum-likelihood update."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.hmm.transition_model import TransitionModel
from tests.hmm.toy_hmm import quick, random_hmm, toy_lang

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(0.05, 2.0)


def hmm_of(seed: int) -> Hmm:
    rng = np.random.default_rng(seed)
    return random_hmm(toy_lang(), rng, triphone=bool(rng.integers(2)))


def probability_sums(transitions: TransitionModel) -> NDArray[np.float64]:
    """Total probability of the arcs of each transition_state, from 1."""
    sums = np.zeros(transitions.num_transition_states + 1)
    np.add.at(sums, transitions.state_of[1:], np.exp(transitions.log_prob[1:]))
    return sums[1:]


@quick
@given(seeds)
def test_ids_count_the_arcs_of_the_sorted_tuples_from_one(seed: int) -> None:
    hmm = hmm_of(seed)
    model = hmm.transitions
    assert model.tuples == sorted(set(model.tuples))
    number = 0
    for state, (phone, hmm_state, pdf) in enumerate(model.tuples, 1):
        topology_state = hmm.topology.states(phone)[hmm_state]
        assert pdf in hmm.tree.possible_pdfs(phone, topology_state.pdf_class)
        assert model.transition_state(phone, hmm_state, pdf) == state
        loops = []
        for index, (destination, _) in enumerate(topology_state.transitions):
            number += 1
            assert model.transition_id(state, index) == number
            assert model.pdf_of[number] == pdf
            assert model.phone_of[number] == phone
            assert model.state_of[number] == state
            assert model.index_of[number] == index
            assert model.hmm_state_of[number] == hmm_state
            assert model.is_self_loop[number] == (destination == hmm_state)
            assert model.is_final[number] == (destination == len(hmm.topology.states(phone)))
            loops += [number] if destination == hmm_state else []
        assert [model.self_loop_of(state)] == loops
    assert number == model.num_transition_ids
    assert model.num_transition_states == len(model.tuples)
    possible = {
        (phone, s, pdf)
        for phone in hmm.topology.phone_ids
        for s, topology_state in enumerate(hmm.topology.states(phone))
        for pdf in hmm.tree.possible_pdfs(phone, topology_state.pdf_class)
    }
    assert set(model.tuples) == possible
    with pytest.raises(KeyError):
        model.transition_state(1, 0, hmm.num_pdfs)


def test_entry_zero_stands_for_no_transition() -> None:
    model = hmm_of(0).transitions
    assert model.pdf_of[0] == -1
    assert not model.is_self_loop[0]
    assert not model.is_final[0]
    assert model.scaled_log_probs(1.0, 0.1)[0] == 0


def test_a_new_model_has_the_probabilities_of_the_topology() -> None:
    hmm = Hmm.initial(hmm_of(1).topology, hmm_of(1).tree)
    for number in range(1, hmm.transitions.num_transition_ids + 1):
        phone, hmm_state, _ = hmm.transitions.tuples[hmm.transitions.state_of[number] - 1]
        arcs = hmm.topology.states(phone)[hmm_state].transitions
        expected = arcs[hmm.transitions.index_of[number]][1]
        assert np.exp(hmm.transitions.log_prob[number]) == pytest.approx(expected)


@quick
@given(seeds, scales, scales)
def test_scaled_log_probs_follow_the_formula(
    seed: int, transition_scale: float, self_loop_scale: float
) -> None:
    model = hmm_of(seed).transitions
    scaled = model.scaled_log_probs(transition_scale, self_loop_scale)
    for number in range(1, model.num_transition_ids + 1):
        p = np.exp(model.log_prob[number])
        stay = np.exp(model.log_prob[model.self_loop_of(int(model.state_of[number]))])
        if model.is_self_loop[number]:
            expected = self_loop_scale * np.log(p)
        else:
            expected = transition_scale * np.log(p / (1 - stay))
            expected += self_loop_scale * np.log(1 - stay)
        assert scaled[number] == pytest.approx(expected, abs=1e-9)


@quick
@given(seeds)
def test_scales_of_one_leave_the_probabilities(seed: int) -> None:
    model = hmm_of(seed).transitions
    np.testing.assert_allclose(model.scaled_log_probs(1, 1)[1:], model.log_prob[1:], atol=1e-12)


@quick
@given(seeds)
def test_without_self_loops_the_other_arcs_of_a_state_sum_to_one(seed: int) -> None:
    model = hmm_of(seed).transitions
    sums = np.zeros(model.num_transition_states + 1)
    for number in np.flatnonzero(~model.is_self_loop)[1:].tolist():
        sums[model.state_of[number]] += np.exp(model.log_prob_ignoring_self_loops(number))
    np.testing.assert_allclose(sums[1:], 1, atol=1e-12)
    with pytest.raises(ValueError, match="self-loop"):
        model.log_prob_ignoring_self_loops(model.self_loop_of(1))


@quick
@given(seeds, st.sampled_from([0.0, 0.5, 3.0, 50.0]))
def test_update_is_the_ratio_of_counts_with_floor_and_least_count(
    seed: int, largest: float
) -> None:
    model = hmm_of(seed).transitions
    rng = np.random.default_rng(seed)
    counts = rng.uniform(0, 1, len(model.log_prob)) ** 6 * largest
    counts[0] = 0
    old = model.log_prob.copy()
    gain, total = model.update(counts)
    expected = old.copy()
    for state in range(1, model.num_transition_states + 1):
        mine = np.flatnonzero(model.state_of == state)
        if counts[mine].sum() >= 5:
            p = np.maximum(counts[mine] / counts[mine].sum(), 0.01)
            expected[mine] = np.log(p / p.sum())
    np.testing.assert_allclose(model.log_prob, expected, atol=1e-12)
    np.testing.assert_allclose(probability_sums(model), 1, atol=1e-12)
    assert gain == pytest.approx(float((counts * (expected - old)).sum()), abs=1e-9)
    assert total == pytest.approx(counts.sum())


@quick
@given(seeds)
def test_no_other_probabilities_give_the_counts_a_higher_likelihood(seed: int) -> None:
    model = hmm_of(seed).transitions
    rng = np.random.default_rng(seed)
    counts = rng.uniform(5, 50, len(model.log_prob))  # none under the floor, every state seen
    counts[0] = 0
    gain, _ = model.update(counts)
    assert gain >= 0
    best = float(counts @ model.log_prob)
    other = np.exp(model.log_prob) * rng.uniform(0.9, 1.1, len(counts))
    sums = np.bincount(model.state_of, other)
    assert counts[1:] @ np.log(other / sums[model.state_of])[1:] < best


def test_probabilities_of_another_model_are_refused() -> None:
    hmm = hmm_of(0)
    with pytest.raises(ValueError, match="transition probabilities"):
        TransitionModel(hmm.topology, hmm.tree, np.zeros(3))
