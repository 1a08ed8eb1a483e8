"""Operations on tables kept as columns: ranges of each row, and the cheapest of equal keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]


def spread(first: Column, count: Column, states: Column) -> tuple[Column, Column]:
    """For each of some states, each of its items ``first[s]`` … ``first[s] + count[s] - 1``.

    Returns:
        (row of ``states``, item), both (n,).
    """
    counts = count[states]
    row = np.repeat(np.arange(len(states)), counts)
    begins = np.cumsum(counts) - counts
    return row, first[states][row] + np.arange(len(row)) - begins[row]


def cheapest(cost: NDArray[np.float64], *keys: Column) -> Column:
    """Index of the cheapest row of each combination of keys; rows come sorted by the keys."""
    order = np.lexsort((cost, *keys[::-1]))
    new = np.zeros(len(order), bool)
    new[:1] = True
    for key in keys:
        new[1:] |= np.diff(key[order]) != 0
    return order[new]
