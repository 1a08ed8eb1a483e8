"""Lexicon files: both of Kaldi's forms, and mistakes by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.lexicon import merge_lexicons, read_lexicon, write_lexicon
from pipeline.io.errors import UserError


def test_round_trip(tmp_path: Path) -> None:
    lexicon = [("ZERO", 1.0, ["Z", "IH", "R", "OW"]), ("ZERO", 0.25, ["Z", "IY", "R", "OW"])]
    write_lexicon(tmp_path / "lexicon.txt", lexicon)
    assert read_lexicon(tmp_path / "lexicon.txt") == lexicon


def test_a_lexicon_without_probabilities_has_ones(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("A\tAH\nB  B IY\n\n")
    assert read_lexicon(tmp_path / "lexicon.txt") == [("A", 1.0, ["AH"]), ("B", 1.0, ["B", "IY"])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"A AH\nB\n", "line 2: word B has no phones"),
        (b"A 0.5\n", "line 1: word A has no phones"),
        (b"A 0 AH\n", "line 1: probability 0"),
        (b"A 1.5 AH\n", r"line 1: probability 1\.5"),
        (b"A AH\nA AH\n", "line 2: this pronunciation of A comes twice"),
        (b"\xff AH\n", "line 1: not UTF-8"),
        (b"\n", "holds no word"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "lexicon.txt").write_bytes(text)
    with pytest.raises(UserError, match=message):
        read_lexicon(tmp_path / "lexicon.txt")


def test_a_second_lexicon_adds_words_and_changes_probabilities() -> None:
    first = [("A", 1.0, ["a"]), ("B", 1.0, ["b"])]
    second = [("A", 0.5, ["a"]), ("A", 1.0, ["e"]), ("C", 1.0, ["c"])]
    assert merge_lexicons(first, second) == [first[1], *second]
