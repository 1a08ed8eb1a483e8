"""Rows of a lattice's line, read and written: the compiled kernels of ``lattice_columns``.

A line is bytes that end in a newline, in the form of ``json.dumps``. Where something else is found
than what must come, the place becomes that of the newline, where nothing more is found.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.decode.rounding import DECIMALS

Text = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
QUOTE, COMMA, MINUS, POINT, ZERO, NINE = (ord(sign) for sign in '",-.09')
OPEN, CLOSE, BACKSLASH, SPACE, NEWLINE = (ord(sign) for sign in "[]\\ \n")
EXACT_DIGITS = 15  # a number of no more digits is an exact integer over an exact power of ten
POWERS = 10.0 ** np.arange(EXACT_DIGITS + 1)
UNIT = 10**DECIMALS
MAX_WIDTH = 20  # of an integer
NOTHING = -1


@njit(cache=True, nogil=True)
def _after(text: Text, at: int, sign: int) -> int:
    return at + 1 if text[at] == sign else len(text) - 1


@njit(cache=True, nogil=True)
def _comma(text: Text, at: int) -> int:
    return _after(text, _after(text, at, COMMA), SPACE)


@njit(cache=True, nogil=True)
def _whole(text: Text, at: int) -> tuple[int, int]:
    """A number without sign, and the place after it."""
    begin, value = at, 0
    while ZERO <= text[at] <= NINE:
        value = 10 * value + (text[at] - ZERO)
        at += 1
    return value, at if begin < at <= begin + EXACT_DIGITS else len(text) - 1


@njit(cache=True, nogil=True)
def _decimal(text: Text, at: int) -> tuple[float, int]:
    """A number, and the place after it; nan if it must be read by other means."""
    negative = text[at] == MINUS
    at += negative
    value, digits, decimals, point = 0, 0, 0, False
    while ZERO <= text[at] <= NINE or (text[at] == POINT and not point):
        if text[at] == POINT:
            point = True
        else:
            value = 10 * value + (text[at] - ZERO)
            digits += 1
            decimals += point
        at += 1
    exact = 0 < digits <= EXACT_DIGITS
    while text[at] != COMMA and text[at] != CLOSE and text[at] != NEWLINE:
        at += 1
        exact = False
    if not exact:
        return np.nan, at
    size = value / POWERS[decimals]
    return -size if negative else size, at


@njit(cache=True, nogil=True)
def _string(text: Text, at: int) -> tuple[int, int]:
    """The place after a string, and a hash of it (FNV-1a)."""
    at = _after(text, at, QUOTE)
    key = np.uint64(14695981039346656037)
    while text[at] != QUOTE and text[at] != NEWLINE:
        if text[at] == BACKSLASH and text[at + 1] != NEWLINE:
            at += 1
        key = (key ^ np.uint64(text[at])) * np.uint64(1099511628211)
        at += 1
    return _after(text, at, QUOTE), int(key >> np.uint64(1))


@njit(cache=True, nogil=True)
def _same(text: Text, a: int, b: int, length: int) -> bool:
    for n in range(length):  # noqa: SIM110
        if text[a + n] != text[b + n]:
            return False
    return True


@njit(cache=True, nogil=True)
def scan_rows(
    text: Text, at: int, num_nodes: int, room: int
) -> tuple[Ints, Ints, Floats, Ints, Ints, int]:
    """Read the list of rows that begins at a place, each [nodes, word, costs, transition-ids].

    Args:
        num_nodes: 2 for arcs; 1 for ends, which have no word.
        room: rows that there may be.
    Returns:
        nodes (R, N); word (R,), which of the words; acoustic and graph cost (R, 2), nan where it
        must be read by other means; places (R, 4): what lies before the graph cost begins and ends
        there, and so do the ids; place of each word (V, 2); the place after the list, or that of
        the newline if there is something else in it.
    """
    last = len(text) - 1
    nodes = np.empty((room, num_nodes), np.int64)
    word = np.zeros(room, np.int64)
    costs = np.empty((room, 2))
    places = np.empty((room, 4), np.int64)
    size = 16
    while size < 2 * room:
        size *= 2
    slots = np.full(size, NOTHING, np.int64)  # open addressing
    words = np.empty((room, 2), np.int64)
    num_words = 0
    count = 0
    at = _after(text, at, OPEN)
    while count < room and text[at] == OPEN:
        at += 1
        for n in range(num_nodes):
            nodes[count, n], at = _whole(text, at)
            at = _comma(text, at)
        places[count, 0] = at
        if num_nodes == 2:
            begin = at
            at, key = _string(text, begin)
            slot = key & (size - 1)
            while slots[slot] != NOTHING:
                other = words[slots[slot]]
                if other[1] - other[0] == at - begin and _same(text, other[0], begin, at - begin):
                    break
                slot = (slot + 1) & (size - 1)
            if slots[slot] == NOTHING:
                slots[slot] = num_words
                words[num_words] = begin, at
                num_words += 1
            word[count] = slots[slot]
            at = _comma(text, at)
        costs[count, 0], at = _decimal(text, at)
        places[count, 1] = at
        costs[count, 1], at = _decimal(text, _comma(text, at))
        places[count, 2] = _comma(text, at)
        at = _after(text, places[count, 2], OPEN)
        while text[at] != CLOSE and at < last:
            at += 1
        places[count, 3] = _after(text, at, CLOSE)
        at = _after(text, places[count, 3], CLOSE)
        count += 1
        if text[at] == COMMA:
            at = _after(text, _comma(text, at), OPEN) - 1
    at = _after(text, at, CLOSE)
    return nodes[:count], word[:count], costs[:count], places[:count], words[:num_words], at


@njit(cache=True, nogil=True)
def _put(out: Text, at: int, value: int) -> int:
    """Write a number without sign."""
    end = at + 1
    rest = value // 10
    while rest > 0:
        rest //= 10
        end += 1
    for n in range(end - 1, at - 1, -1):
        out[n] = ZERO + value % 10
        value //= 10
    return end


@njit(cache=True, nogil=True)
def _put_cost(out: Text, at: int, cost: float) -> int:
    """Write a cost that is rounded to four decimals, as ``repr`` does."""
    if np.copysign(1.0, cost) < 0.0:
        out[at] = MINUS
        at += 1
    units = int(np.rint(abs(cost) * UNIT))
    at = _put(out, at, units // UNIT)
    out[at] = POINT
    end = at + 2  # one decimal at least
    units %= UNIT
    for n in range(1, DECIMALS + 1):
        out[at + n] = ZERO + units * 10**n // UNIT % 10
        if out[at + n] != ZERO and n > 1:
            end = at + n + 1
    return end


@njit(cache=True, nogil=True)
def _copy(out: Text, at: int, text: Text, begin: int, end: int) -> int:
    out[at : at + end - begin] = text[begin:end]
    return at + end - begin


@njit(cache=True, nogil=True)
def _put_comma(out: Text, at: int) -> int:
    out[at] = COMMA
    out[at + 1] = SPACE
    return at + 2


@njit(cache=True, nogil=True)
def print_rows(text: Text, nodes: Ints, graph: Floats, places: Ints) -> Text:
    """The list of rows that ``scan_rows`` reads, with other nodes and graph costs.

    Args:
        graph: (R,) rounded to four decimals, below 1e11.
    """
    rows, num_nodes = nodes.shape
    size = 2 + rows * (num_nodes + 2) * (MAX_WIDTH + 4)
    for n in range(rows):
        size += places[n, 1] - places[n, 0] + places[n, 3] - places[n, 2]
    out = np.empty(size, np.uint8)
    out[0] = OPEN
    at = 1
    for n in range(rows):
        if n > 0:
            at = _put_comma(out, at)
        out[at] = OPEN
        at += 1
        for k in range(num_nodes):
            at = _put_comma(out, _put(out, at, nodes[n, k]))
        at = _put_comma(out, _copy(out, at, text, places[n, 0], places[n, 1]))
        at = _put_comma(out, _put_cost(out, at, graph[n]))
        at = _copy(out, at, text, places[n, 2], places[n, 3])
        out[at] = CLOSE
        at += 1
    out[at] = CLOSE
    return out[: at + 1]
