"""Transition model: transition-ids and their probabilities.

Source: Kaldi's hmm/transition-model.h. A *tuple* (phone_id, hmm_state, pdf_id) is a
transition_state, numbered from 1; an arc leaving it, numbered from 0, is a transition_index; each
(transition_state, transition_index) is a transition_id, numbered from 1 since it stands on the
input side of FSTs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency

MIN_PROBABILITY = 0.01  # Kaldi's MleTransitionUpdateConfig: floor
MIN_COUNT = 5.0  # states seen less keep their probabilities


class TransitionModel:
    """Transition-ids of a topology and a tree; arrays have one entry an id, entry 0 unused."""

    def __init__(
        self,
        topology: Topology,
        tree: ContextDependency,
        log_prob: NDArray[np.float64] | None = None,
    ) -> None:
        tuples = {
            (phone, hmm_state, pdf)
            for phone in topology.phone_ids
            for hmm_state, state in enumerate(topology.states(phone))
            for pdf in tree.possible_pdfs(phone, state.pdf_class)
        }
        self.tuples: list[tuple[int, int, int]] = sorted(tuples)
        self._state_of_tuple = {t: n for n, t in enumerate(self.tuples, 1)}
        first, pdf_of, phone_of, state_of, index_of = [0], [-1], [0], [0], [0]
        self_loop, final, initial, hmm_state_of = [False], [False], [1.0], [-1]
        for number, (phone, hmm_state, pdf) in enumerate(self.tuples, 1):
            states = topology.states(phone)
            first.append(len(pdf_of))
            for index, (destination, probability) in enumerate(states[hmm_state].transitions):
                pdf_of.append(pdf)
                phone_of.append(phone)
                state_of.append(number)
                index_of.append(index)
                hmm_state_of.append(hmm_state)
                self_loop.append(destination == hmm_state)
                final.append(destination == len(states))
                initial.append(probability)
        self.num_pdfs = tree.num_pdfs
        self.first_id = np.array(first, np.int32)  # by transition_state
        self.pdf_of = np.array(pdf_of, np.int32)
        self.phone_of = np.array(phone_of, np.int32)
        self.state_of = np.array(state_of, np.int32)
        self.index_of = np.array(index_of, np.int32)
        self.hmm_state_of = np.array(hmm_state_of, np.int32)
        self.is_self_loop = np.array(self_loop)
        self.is_final = np.array(final)
        self._self_loop_of = np.zeros(len(first), np.int32)
        loops = np.flatnonzero(self.is_self_loop)
        self._self_loop_of[self.state_of[loops]] = loops
        if log_prob is None:
            log_prob = np.log(np.array(initial))
        if log_prob.shape != self.pdf_of.shape:
            raise ValueError(f"{log_prob.shape[0]} transition probabilities for {len(pdf_of)} ids")
        self.log_prob = log_prob.astype(np.float64)

    @property
    def num_transition_ids(self) -> int:
        """The highest transition_id."""
        return len(self.pdf_of) - 1

    @property
    def num_transition_states(self) -> int:
        """The highest transition_state."""
        return len(self.tuples)

    def transition_state(self, phone_id: int, hmm_state: int, pdf_id: int) -> int:
        """Number of the tuple; KeyError if the tree never gives it."""
        return self._state_of_tuple[phone_id, hmm_state, pdf_id]

    def transition_id(self, transition_state: int, transition_index: int) -> int:
        """Id of an arc of a state."""
        return int(self.first_id[transition_state]) + transition_index

    def self_loop_of(self, transition_state: int) -> int:
        """The state's self-loop, 0 if it has none."""
        return int(self._self_loop_of[transition_state])

    def _log_leave(self) -> NDArray[np.float64]:
        """log(1 - self-loop probability) of each id's state: (ids + 1,); 0 without a self-loop."""
        loops = self._self_loop_of[self.state_of]
        stay = np.where(loops > 0, np.exp(self.log_prob[loops]), 0.0)
        return np.log(np.maximum(1.0 - stay, 1e-10))

    def log_prob_ignoring_self_loops(self, transition_id: int) -> float:
        """Log-probability of an arc, renormalised as if its state had no self-loop."""
        if self.is_self_loop[transition_id]:
            raise ValueError(f"transition-id {transition_id} is a self-loop")
        return float(self.log_prob[transition_id] - self._log_leave()[transition_id])

    def scaled_log_probs(
        self, transition_scale: float, self_loop_scale: float
    ) -> NDArray[np.float64]:
        """Scaled log-probability of each id: (ids + 1,), as Kaldi's AddTransitionProbs.

        Self-loop: s·log p. Other: t·log(p / (1 - p_loop)) + s·log(1 - p_loop).
        """
        leave = self._log_leave()
        other = transition_scale * (self.log_prob - leave) + self_loop_scale * leave
        scaled: NDArray[np.float64] = np.where(
            self.is_self_loop, self_loop_scale * self.log_prob, other
        )
        scaled[0] = 0.0
        return scaled

    def update(self, counts: NDArray[np.float64]) -> tuple[float, float]:
        """Maximum-likelihood update from counts of each id: (ids + 1,), in place.

        Returns:
            Objective improvement (nats, total) and the count it was made on
            (Kaldi's MleUpdate: floor 0.01, states under 5 counts stay).
        """
        old = self.log_prob.copy()
        starts = self.first_id[1:]
        totals = np.zeros(len(self.first_id))
        np.add.at(totals, self.state_of[1:], counts[1:])
        total = np.repeat(totals[1:], np.diff(np.append(starts, len(self.pdf_of))))
        seen = total >= MIN_COUNT
        p = np.where(seen, counts[1:] / np.maximum(total, MIN_COUNT), np.exp(old[1:]))
        several = np.repeat(
            np.diff(np.append(starts, len(self.pdf_of))) > 1,
            np.diff(np.append(starts, len(self.pdf_of))),
        )
        p = np.where(several, np.maximum(p, MIN_PROBABILITY), p)
        sums = np.add.reduceat(p, starts - 1)
        p /= np.repeat(sums, np.diff(np.append(starts, len(self.pdf_of))))
        new = np.where(seen, np.log(p), old[1:])
        self.log_prob = np.concatenate(([0.0], new))
        gain = float(np.sum(counts[1:] * (self.log_prob[1:] - old[1:])))
        return gain, float(counts[1:].sum())
