"""CTM files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.align.ctm import read_ctm, write_ctm
from pipeline.align.segments import Segment
from pipeline.io.errors import UserError


def test_form_and_round_trip(tmp_path: Path) -> None:
    segments = {
        "b": [Segment("ZWÖLF", 0.0, 0.0375), Segment("SIL", 0.0375, 1.2)],
        "a": [Segment("x", 2.5, 3.0)],
    }
    write_ctm(tmp_path / "x.ctm", segments)
    assert (tmp_path / "x.ctm").read_text(encoding="utf-8") == (
        "a 1 2.5000 0.5000 x\nb 1 0.0000 0.0375 ZWÖLF\nb 1 0.0375 1.1625 SIL\n"
    )
    assert read_ctm(tmp_path / "x.ctm") == segments


def test_confidences_and_comments_of_others_are_read_over(tmp_path: Path) -> None:
    (tmp_path / "x.ctm").write_text(";; made elsewhere\n\nu A 0.1 0.2 word 0.98\n")
    assert read_ctm(tmp_path / "x.ctm") == {"u": [Segment("word", 0.1, 0.3)]}


@pytest.mark.parametrize("line", ["u 1 0.1 0.2", "u 1 x 0.2 w", "u 1 nan 0.2 w", "u 1 0 -1 w"])
def test_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.ctm").write_text(f"u 1 0 0.1 w\n{line}\n")
    with pytest.raises(UserError, match=r"x\.ctm: line 2"):
        read_ctm(tmp_path / "x.ctm")
