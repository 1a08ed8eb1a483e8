"""JSON lines: round trip, same bytes each time, damage is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines

ITEMS = [{"id": f"u{i}", "text": "é" * i} for i in range(200)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    write_json_lines(tmp_path / name, ITEMS)
    assert list(read_json_lines(tmp_path / name)) == ITEMS


def test_gzip_reads_it_and_two_writes_give_the_same_bytes(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "a.jsonl.gz", ITEMS)
    write_json_lines(tmp_path / "b.jsonl.gz", ITEMS)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    with gzip.open(tmp_path / "a.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert [json.loads(line) for line in lines] == ITEMS


def test_manifests_are_packed_at_level_6_as_ever(tmp_path: Path) -> None:
    """Their checksums stand in results of earlier runs."""
    write_json_lines(tmp_path / "a.jsonl.gz", ITEMS)
    text = b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in ITEMS)
    header = 10  # bytes; names the system
    assert (tmp_path / "a.jsonl.gz").read_bytes()[header:] == gzip.compress(text, 6)[header:]
    assert gzip.compress(text, 6)[header:] != gzip.compress(text, 4)[header:]


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_file_cut_short_is_an_error_that_names_it(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.jsonl.gz"
    write_json_lines(path, ITEMS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(
        UserError, match=r"a\.jsonl\.gz: damaged \(.*; delete it and run its stage again"
    ):
        list(read_json_lines(path))


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(UserError, match=r"a\.jsonl: damaged in line 2 "):
        list(read_json_lines(tmp_path / "a.jsonl"))
