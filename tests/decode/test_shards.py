"""Merging of shards: lines as they are, ordered by the ids that they begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.decode.lattice_archive import write_lattices
from pipeline.decode.shards import merge_shards
from pipeline.io.errors import UserError
from pipeline.io.json_lines import json_line, read_json_lines, write_json_lines
from pipeline.io.rejects import write_rejects

# An id may hold what JSON escapes, and what looks like the end of an id.
IDS = ['a"b', 'a\\", ', "a\\", "a,", "á", "b", "😀", "0", 'utterance_id": "c']


def write_shard(folder: Path, ids: list[str]) -> None:
    write_rejects(folder / "rejected.tsv", [])
    lattices = ({"utterance_id": utterance_id, "arcs": []} for utterance_id in ids)
    write_lattices(folder / "lattices.jsonl.gz", map(json_line, lattices))
    lines = [{"utterance_id": i, "lm_weight": weight} for i in ids for weight in (2.0, 1.0)]
    write_json_lines(folder / "hypotheses.jsonl", lines)


def test_lines_are_in_the_order_of_utterances_and_unchanged(tmp_path: Path) -> None:
    shards = [tmp_path / str(n) for n in range(3)]
    for n, shard in enumerate(shards):
        write_shard(shard, sorted(IDS[n::3]))
    write_shard(tmp_path / "whole", sorted(IDS))
    assert merge_shards(shards, tmp_path / "merged") == len(IDS)
    for name in ("lattices.jsonl.gz", "hypotheses.jsonl"):
        merged, whole = (tmp_path / folder / name for folder in ("merged", "whole"))
        assert list(read_json_lines(merged)) == list(read_json_lines(whole))
        assert merged.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("line", ['{"id": "a"}\n', '{"utterance_id": "a", "lm_weight": 1.', "[]\n"])
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str) -> None:
    write_shard(tmp_path / "0", ["a"])
    with (tmp_path / "0/hypotheses.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    with pytest.raises(UserError, match=r"0/hypotheses\.jsonl: damaged in line 3"):
        merge_shards([tmp_path / "0"], tmp_path)
