"""Tables of text: a bad line is listed and stops nothing."""

from __future__ import annotations

from pathlib import Path

from pipeline.data.text_files import read_table


def test_good_lines_are_read_and_bad_ones_listed(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"u1 ONE  TWO \nu2\tTHREE\nu3 \xff\xfe\n\nu4\nu1 FOUR\nu5 \xc3\x84\r\n")
    table, rejects = read_table(path)
    assert table == {"u1": "ONE  TWO", "u2": "THREE", "u5": "Ä"}
    assert [(reject.utterance_id, reject.reason) for reject in rejects] == [
        ("u3", "line 3 is not UTF-8"),
        ("u4", "line 5 has a key and no value"),
        ("u1", "line 6: duplicate utterance id"),
    ]
    assert {reject.file for reject in rejects} == {str(path)}


def test_a_key_alone_may_do(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a\nb c\n")
    assert read_table(tmp_path / "list", needs_value=False) == ({"a": "", "b": "c"}, [])


def test_a_key_that_is_not_utf_8_is_shown_escaped(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"u\xff ONE\n")
    (reject,) = read_table(tmp_path / "text")[1]
    assert reject.utterance_id == r"u\xff"


def test_a_line_of_odd_white_space_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a 1\n\x1c \xc2\xa0\nb 2\n")
    assert read_table(path) == ({"a": "1", "b": "2"}, [])
