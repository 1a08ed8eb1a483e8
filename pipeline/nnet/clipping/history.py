"""The last norms in order of size: a percentile costs microseconds, whatever their number."""

from __future__ import annotations

from typing import Any

import numpy as np


class NormHistory:
    """At most `capacity` values; the oldest goes when a new one comes."""

    def __init__(self, capacity: int) -> None:
        """Empty; the memory (16 bytes a value) is taken at once."""
        self._ring = np.zeros(capacity)  # in order of arrival, from _next on the oldest
        self._sorted = np.zeros(capacity)
        self._next = 0
        self.size = 0

    def add(self, value: float) -> None:
        """Take a finite value in, by moving the larger ones along: no sort."""
        if self.size == len(self._ring):
            self._remove(self._ring[self._next])
        place = int(np.searchsorted(self._sorted[: self.size], value))
        self._sorted[place + 1 : self.size + 1] = self._sorted[place : self.size]
        self._sorted[place] = value
        self._ring[self._next] = value
        self._next = (self._next + 1) % len(self._ring)
        self.size += 1

    def _remove(self, value: float) -> None:
        place = int(np.searchsorted(self._sorted[: self.size], value))
        self._sorted[place : self.size - 1] = self._sorted[place + 1 : self.size]
        self.size -= 1

    def percentile(self, percent: float) -> float:
        """The percentile as numpy.percentile gives it, between two values by a straight line."""
        position = percent / 100.0 * (self.size - 1)
        below = int(position)
        low = float(self._sorted[below])
        high = float(self._sorted[min(below + 1, self.size - 1)])
        return low + (high - low) * (position - below)

    def state(self) -> list[float]:
        """The values from the oldest to the newest."""
        start = self._next - self.size
        places = np.arange(start, self._next) % len(self._ring)
        return [float(value) for value in self._ring[places]]

    def load(self, state: Any) -> None:
        """Take over what `state` gave."""
        self._next = self.size = 0
        for value in state:
            self.add(float(value))
