"""Weights of an FST as probabilities: whether they sum to one, and pushing them until they do.

Source: Kaldi's fstbin/fstisstochastic.cc and fstext/push-special.cc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.fst import Fst

MAX_ITERATIONS = 200
DELTA = 1.0 / 1024  # of the log-sum, between the states


@dataclass(frozen=True)
class Stochasticity:
    """Lowest and highest -log of a state's sum over its arcs and final weight; 0 is stochastic."""

    lowest: float
    highest: float


def stochasticity(fst: Fst) -> Stochasticity:
    """How far each state's arcs and final weight are from summing to one."""
    if fst.num_states == 0:
        return Stochasticity(0.0, 0.0)
    sums = np.exp(-fst.final.astype(np.float64))
    sums += np.bincount(fst.source, np.exp(-fst.cost.astype(np.float64)), minlength=fst.num_states)
    with np.errstate(divide="ignore"):
        costs = -np.log(sums)
    return Stochasticity(float(costs.min()), float(costs.max()))


def push_special(fst: Fst) -> Fst:
    """Push weights so that all states sum to the same value; every path keeps its cost.

    With P the arc probabilities, final ones led back to the start, a potential v with P v = λ v
    (found by power iteration) makes each state's sum λ: arc p becomes p v(next) / v(source), and
    on a whole path the potentials cancel.
    """
    if fst.start < 0:
        return fst
    source = fst.source
    arc = np.exp(-fst.cost.astype(np.float64))
    final = np.exp(-fst.final.astype(np.float64))
    potential = np.ones(fst.num_states)
    for _ in range(MAX_ITERATIONS):
        sums = np.bincount(source, arc * potential[fst.nextstate], minlength=fst.num_states)
        sums = sums + final * potential[fst.start]
        ratio = np.log(sums / potential)
        if float(ratio.max() - ratio.min()) < DELTA:
            break
        sums = sums + 0.1 * potential  # so that a periodic FST converges too
        potential = sums / sums[fst.start]
    log_potential: NDArray[np.float64] = np.log(potential)
    cost = fst.cost - log_potential[fst.nextstate] + log_potential[source]
    final_cost = fst.final + log_potential - log_potential[fst.start]
    return Fst.from_arcs(fst.start, final_cost, source, fst.ilabel, fst.olabel, cost, fst.nextstate)
