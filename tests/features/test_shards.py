"""Shards: a partition of the utterances; their union in one manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import manifests
from pipeline.features.shards import merge_shards, read_items
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.io.sharding import select_shard

Item = tuple[dict[str, Any], dict[str, Any]]


def items_of(names: list[str]) -> list[Item]:
    return [
        (
            manifests.recording(name, f"{name}.wav", 8000, 8000),
            manifests.supervision(name, name, 0.0, 1.0, "ONE", "s"),
        )
        for name in names
    ]


@given(st.integers(0, 40), st.integers(1, 9))
def test_shards_are_a_partition_of_even_sizes(num_items: int, num_shards: int) -> None:
    items = items_of([f"{i:03d}" for i in range(num_items)])
    shards = [select_shard(items, shard, num_shards) for shard in range(num_shards)]
    assert [item for shard in shards for item in shard] == items
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("shard", [-1, 2])
def test_a_shard_that_is_not_there_is_named(shard: int) -> None:
    with pytest.raises(UserError, match=rf"shard {shard}: shards are numbered 0 to 1"):
        select_shard([], shard, 2)


def test_items_are_paired_and_sorted(tmp_path: Path) -> None:
    items = items_of(["b", "a"])
    write_json_lines(tmp_path / "recordings.jsonl.gz", [recording for recording, _ in items])
    write_json_lines(tmp_path / "supervisions.jsonl.gz", [spoken for _, spoken in items])
    assert read_items(tmp_path) == items[::-1]
    write_json_lines(tmp_path / "recordings.jsonl.gz", [items[0][0]])
    with pytest.raises(UserError, match="a: its recording a is not in"):
        read_items(tmp_path)


def test_merged_cuts_hold_all_that_have_features(tmp_path: Path) -> None:
    for shard, names in enumerate((["c", "a"], ["b"])):
        arrays = [(name, np.ones((98, 13), np.float32)) for name in names]
        write_matrices(tmp_path / f"{shard}.ark", tmp_path / f"{shard}.scp", arrays)
    scps = [tmp_path / "0.scp", tmp_path / "1.scp"]
    cuts = merge_shards(items_of(["a", "b", "c", "d"]), scps, "kaldi-mfcc", 0.01, 8000)
    assert [cut["id"] for cut in cuts] == ["a", "b", "c"]
    assert [cut["features"]["num_frames"] for cut in cuts] == [98] * 3
    with pytest.raises(UserError, match=r"0\.scp: c: features of an utterance that is not"):
        merge_shards(items_of(["a", "b"]), scps, "kaldi-mfcc", 0.01, 8000)
    kept = merge_shards(items_of(["a", "b"]), scps, "kaldi-mfcc", 0.01, 8000, ignore_unknown=True)
    assert [cut["id"] for cut in kept] == ["a", "b"]
