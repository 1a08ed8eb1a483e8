"""rejected.tsv: sorted, one line each, readable again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.io.errors import UserError
from pipeline.io.rejects import HEADER, Reject, read_rejects, write_rejects


def test_fields_become_single_lines_in_sorted_order(tmp_path: Path) -> None:
    path = tmp_path / "rejected.tsv"
    write_rejects(
        path, [Reject("u2", "b.wav", "two\nlines", "a\ttab"), Reject("u1", "a.wav", "", "x")]
    )
    assert path.read_text().splitlines() == [
        "\t".join(HEADER),
        "u1\ta.wav\t-\tx",
        "u2\tb.wav\ttwo lines\ta tab",
    ]
    assert read_rejects(path) == [
        Reject("u1", "a.wav", "-", "x"),
        Reject("u2", "b.wav", "two lines", "a tab"),
    ]


def test_no_rejects_still_make_a_file(tmp_path: Path) -> None:
    write_rejects(tmp_path / "r.tsv", [])
    assert (tmp_path / "r.tsv").read_text() == "utterance_id\tfile\treason\tremedy\n"
    assert read_rejects(tmp_path / "r.tsv") == []


@pytest.mark.parametrize("text", ["", "a\tb\n", "\t".join(HEADER) + "\nu1\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.tsv").write_text(text)
    with pytest.raises(UserError, match=r"r\.tsv: expected the columns"):
        read_rejects(tmp_path / "r.tsv")
