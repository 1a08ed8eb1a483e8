"""sclite trn files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.io.errors import UserError
from pipeline.score.trn import read_trn, write_trn


def test_text_is_that_of_sclite_sorted_by_utterance(tmp_path: Path) -> None:
    write_trn(tmp_path / "x.trn", {"b_1": ["ÉIN", "ZWEI"], "a_1": []})
    assert (tmp_path / "x.trn").read_text(encoding="utf-8") == "(a_1)\nÉIN ZWEI (b_1)\n"
    assert read_trn(tmp_path / "x.trn") == {"a_1": (), "b_1": ("ÉIN", "ZWEI")}


@pytest.mark.parametrize("text", ["ONE TWO\n", "ONE (a)\nTWO (a)\n"])
def test_wrong_line_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.trn").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"x\.trn: line \d"):
        read_trn(tmp_path / "x.trn")
