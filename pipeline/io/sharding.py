"""Which share of a set a job takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pipeline.io.errors import UserError

Item = TypeVar("Item")


def select_shard(items: Sequence[Item], shard: int, num_shards: int) -> list[Item]:
    """Contiguous share number `shard` (0-based) of `num_shards`, sizes differing by at most one.

    Raises:
        UserError: there is no such shard.
    """
    if not 0 <= shard < num_shards:
        raise UserError(f"shard {shard}: shards are numbered 0 to {num_shards - 1}")
    bounds = [len(items) * i // num_shards for i in range(num_shards + 1)]
    return list(items[bounds[shard] : bounds[shard + 1]])
