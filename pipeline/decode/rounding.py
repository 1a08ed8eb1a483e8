"""Costs as lattices and hypotheses have them: rounded to four decimals, whole columns at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
DECIMALS = 4
MAX_COST = 1e11  # above it a cost of four decimals is no exact number
_UNIT = 10.0**DECIMALS
_SPLIT = 2.0**27 + 1.0  # Veltkamp's, of a double into two halves


def rounded(costs: Costs) -> Costs:
    """What Python's ``round`` gives for each below ``MAX_COST``: exact, halves to even.

    ``np.round`` errs where the product with a power of ten is rounded to a half. Here the product's
    error is known (Dekker 1971, "A floating-point technique for extending the available
    precision").
    """
    size = np.abs(costs)
    product = size * _UNIT
    high = _SPLIT * size
    high -= high - size
    error = (high * _UNIT - product) + (size - high) * _UNIT
    whole = np.floor(product)
    over = product - whole - 0.5
    odd = whole % 2.0 == 1.0
    up = (over > 0.0) | ((over == 0.0) & ((error > 0.0) | ((error == 0.0) & odd)))
    found: Costs = np.copysign((whole + up) / _UNIT, costs)
    return found
