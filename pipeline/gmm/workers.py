"""Threads for the mixtures' arithmetic: one an independent piece, with single-threaded products.

The matrix products of one pdf are too small for a threaded BLAS, whose threads would wait for each
other; many pdfs at once are not. numpy releases the interpreter lock, so threads are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numba
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Maps a function over items; results keep the items' order, so sums are reproducible."""

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the order of ``items``."""
        return list(map(function, items) if self._pool is None else self._pool.map(function, items))


SERIAL = Workers()

# Decorator: the sums of a threaded BLAS depend on its number of threads, those of one do not.
one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")


@contextmanager
def start_workers(num_threads: int) -> Iterator[Workers]:
    """``num_threads`` workers, and as many threads for compiled loops; BLAS gets one each."""
    numba.set_num_threads(max(1, min(num_threads, numba.get_num_threads())))
    with threadpool_limits(1, "blas"):
        if num_threads <= 1:
            yield SERIAL
        else:
            with ThreadPoolExecutor(num_threads) as pool:
                yield Workers(pool)
