"""Symbol tables: laws of a one-to-one map, and the text form that OpenFst reads."""

from __future__ import annotations

from pathlib import Path

import kaldifst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable

NAMES = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=8).filter(
    lambda name: name.split() == [name] and name != "<eps>"
)


@given(st.lists(NAMES, unique=True))
def test_names_and_ids_are_one_to_one(names: list[str]) -> None:
    table = SymbolTable(names)
    assert table.names() == ["<eps>", *names]
    assert [table.id(name) for name in names] == list(range(1, len(names) + 1))
    assert all(table.name(table[name]) == name for name in table)
    assert SymbolTable(["<eps>", *names]) == table
    assert len(table) == len(names) + 1


def test_openfst_reads_what_is_written(tmp_path: Path) -> None:
    table = SymbolTable(["SIL", "Ä", "#0"])
    table.write(tmp_path / "phones.txt")
    theirs = kaldifst.SymbolTable.read_text(str(tmp_path / "phones.txt"))
    assert {name: theirs.find(name) for name in table} == dict(table.items())
    assert SymbolTable.read(tmp_path / "phones.txt") == table


def test_ids_may_come_in_any_order_with_gaps(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("B 7\nA 2\n<eps> 0\n")
    table = SymbolTable.read(tmp_path / "words.txt")
    assert list(table.items()) == [("<eps>", 0), ("A", 2), ("B", 7)]
    assert table.add("C") == 8
    assert table.add("A") == 2
    assert table.get("missing") is None
    with pytest.raises(KeyError):
        table.id("missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<eps> 0\nA\n", "line 2"),
        ("<eps> 0\nA 1\nA 2\n", "line 3"),
        ("<eps> 0\nA 1\nB 1\n", "line 3"),
        ("<eps> 0\nA x\n", "line 2"),
        ("<eps> 0\nA -1\n", "line 2"),
        ("A 1\n", "id 0 is not <eps>"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "words.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        SymbolTable.read(tmp_path / "words.txt")


def test_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(b"<eps> 0\n\xff 1\n")
    with pytest.raises(UserError, match=r"words\.txt: line 2"):
        SymbolTable.read(tmp_path / "words.txt")


@pytest.mark.parametrize("names", [["A", "A"], ["A", "<eps>"], [""], ["A B"]])
def test_bad_names_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="symbol"):
        SymbolTable(names)
