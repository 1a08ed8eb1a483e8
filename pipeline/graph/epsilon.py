"""Local removal of epsilon arcs: only where the FST does not grow by it.

Source: Kaldi's fstext/remove-eps-local-inl.h (RemoveEpsLocalSpecial): equivalent in the tropical
semiring, and a stochastic FST stays stochastic, since reweighting adds in the log semiring.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from pipeline.graph.fst import Fst

_GONE = -1
COMPILE_ABOVE = 50_000  # arcs; below, importing numba takes longer than the work


def _log_add(a: float, b: float) -> float:
    """-log(exp(-a) + exp(-b))."""
    low, high = min(a, b), max(a, b)
    if high == np.inf:
        return low
    return low - np.log1p(np.exp(low - high))


def _combine(ilabel: Any, olabel: Any, a: int, b: int) -> bool:
    """Whether arc a followed by arc b is one arc: at most one label on each side."""
    return not ((ilabel[a] != 0 and ilabel[b] != 0) or (olabel[a] != 0 and olabel[b] != 0))


def _remove(
    start: int,
    final: Any,
    head: Any,  # (S,) first arc of each state's list, -1: none
    tail: Any,  # (S,)
    link: Any,  # (capacity,) next arc of the list
    ilabel: Any,
    olabel: Any,
    cost: Any,
    nextstate: Any,  # _GONE: arc removed
    used: int,
) -> int:
    """The passes over states and arcs; arrays are changed in place. Returns arcs used, -1: full."""
    num_states = final.shape[0]
    arcs_in = np.zeros(num_states, np.int64)
    arcs_out = np.zeros(num_states, np.int64)
    arcs_in[start] += 1
    for s in range(num_states):
        if final[s] != np.inf:
            arcs_out[s] += 1
        a = head[s]
        while a >= 0:
            arcs_in[nextstate[a]] += 1
            arcs_out[s] += 1
            a = link[a]
    for s in range(num_states):
        a = head[s]
        while a >= 0:
            t = nextstate[a]
            if t in (_GONE, s):
                a = link[a]
                continue
            if arcs_in[t] == 1 and arcs_out[t] > 1:
                # Pattern 1: arc a is the only one into t; arcs out of t that can join a are moved.
                removed, kept = np.inf, np.inf
                b = head[t]
                while b >= 0:
                    if nextstate[b] != _GONE:
                        if _combine(ilabel, olabel, a, b):
                            removed = _log_add(removed, cost[b])
                            if used == ilabel.shape[0]:
                                return -1
                            ilabel[used] = ilabel[a] + ilabel[b]  # one of them is 0
                            olabel[used] = olabel[a] + olabel[b]
                            cost[used] = cost[a] + cost[b]
                            nextstate[used] = nextstate[b]
                            link[used] = -1
                            link[tail[s]] = used
                            tail[s] = used
                            used += 1
                            nextstate[b] = _GONE
                            arcs_out[t] -= 1
                            arcs_out[s] += 1
                        else:
                            kept = _log_add(kept, cost[b])
                    b = link[b]
                if final[t] != np.inf:
                    if ilabel[a] == 0 and olabel[a] == 0:
                        removed = _log_add(removed, final[t])
                        if final[s] == np.inf:
                            arcs_out[s] += 1
                        final[s] = min(final[s], cost[a] + final[t])
                        arcs_out[t] -= 1
                        final[t] = np.inf
                    else:
                        kept = _log_add(kept, final[t])
                if removed != np.inf:
                    if kept == np.inf:
                        arcs_out[s] -= 1
                        arcs_in[t] -= 1
                        nextstate[a] = _GONE
                    else:
                        # What stays behind takes its share of the sum (keeps stochasticity).
                        shift = kept - _log_add(removed, kept)
                        cost[a] += shift
                        if final[t] != np.inf:
                            final[t] -= shift
                        b = head[t]
                        while b >= 0:
                            if nextstate[b] != _GONE:
                                cost[b] -= shift
                            b = link[b]
            elif arcs_out[t] == 1:
                # Pattern 2: t has one way on; arc a joins it, and t goes if a was the only one in.
                alone = arcs_in[t] == 1
                if final[t] != np.inf:
                    if ilabel[a] == 0 and olabel[a] == 0:
                        if final[s] == np.inf:
                            arcs_out[s] += 1
                        final[s] = min(final[s], cost[a] + final[t])
                        if alone:
                            arcs_out[t] -= 1
                            final[t] = np.inf
                        arcs_out[s] -= 1
                        arcs_in[t] -= 1
                        nextstate[a] = _GONE
                else:
                    b = head[t]
                    while nextstate[b] == _GONE:
                        b = link[b]
                    if _combine(ilabel, olabel, a, b):
                        if used == ilabel.shape[0]:
                            return -1
                        ilabel[used] = ilabel[a] + ilabel[b]
                        olabel[used] = olabel[a] + olabel[b]
                        cost[used] = cost[a] + cost[b]
                        nextstate[used] = nextstate[b]
                        link[used] = -1
                        link[tail[s]] = used
                        tail[s] = used
                        used += 1
                        arcs_in[nextstate[b]] += 1
                        if alone:
                            arcs_out[t] -= 1
                            arcs_in[nextstate[b]] -= 1
                            nextstate[b] = _GONE
                        arcs_in[t] -= 1
                        nextstate[a] = _GONE
            a = link[a]
    return used


def remove_epsilon_locally(fst: Fst) -> Fst:
    """Join arcs over epsilons where that does not add arcs; states left without use remain.

    Follow with kaldifst's connect. Weights stay stochastic if they were.
    """
    if fst.start < 0:
        return fst
    growth = 1
    while True:
        capacity = 2 * growth * fst.num_arcs + 16
        counts = np.diff(fst.first_arc)
        head = np.where(counts > 0, fst.first_arc[:-1], -1)
        tail = np.where(counts > 0, fst.first_arc[1:] - 1, -1)
        link = np.full(capacity, -1, np.int64)
        link[: fst.num_arcs] = np.arange(1, fst.num_arcs + 1)
        link[tail[tail >= 0]] = -1
        columns = [_padded(c, capacity) for c in (fst.ilabel, fst.olabel, fst.cost, fst.nextstate)]
        ilabel, olabel, cost, nextstate = columns
        cost = cost.astype(np.float64)
        final = fst.final.astype(np.float64)
        remove = _compiled(_remove) if fst.num_arcs > COMPILE_ABOVE else _remove
        used = remove(
            fst.start, final, head, tail, link, ilabel, olabel, cost, nextstate, fst.num_arcs
        )
        if used >= 0:
            break
        growth *= 2
    source = _sources(head, link, used)
    keep = nextstate[:used] != _GONE
    return Fst.from_arcs(
        fst.start, final, source[keep], ilabel[:used][keep], olabel[:used][keep],
        cost[:used][keep], nextstate[:used][keep],
    )  # fmt: skip


def _padded(column: Any, capacity: int) -> Any:
    out = np.zeros(capacity, column.dtype)
    out[: len(column)] = column
    return out


def _sources(head: Any, link: Any, used: int) -> Any:
    """Source state of each arc, found along all lists at once: (used,)."""
    source = np.zeros(used, np.int64)
    states = np.flatnonzero(head >= 0)
    arcs = head[states]
    while len(arcs):
        source[arcs] = states
        arcs = link[arcs]
        states, arcs = states[arcs >= 0], arcs[arcs >= 0]
    return source


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function and those it calls as machine code."""
    from numba import njit
    from numba.extending import register_jitable

    for helper in (_log_add, _combine):
        register_jitable(helper)
    compiled: Callable[..., Any] = njit(cache=True)(function)
    return compiled
