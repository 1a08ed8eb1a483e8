"""TextGrids: the long form letter by letter, the forms that Praat writes, and damaged files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.align.segments import Segment
from pipeline.align.textgrid import (
    TextGrid,
    Tier,
    fill_gaps,
    parse_textgrid,
    read_textgrid,
    textgrid_text,
    write_textgrid,
)
from pipeline.io.errors import UserError

GRID = TextGrid(
    0.0,
    2.3,
    (
        Tier("words", (Segment('say "hi"', 0.5, 1.25), Segment("ÄÖ", 1.25, 2.0))),
        Tier("clicks", (Segment("click", 1.5, 1.5),), points=True),
    ),
)

LONG = """\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0
xmax = 2.3
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0.0
        xmax = 2.3
        intervals: size = 4
        intervals [1]:
            xmin = 0.0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "say ""hi\"\""
        intervals [3]:
            xmin = 1.25
            xmax = 2.0
            text = "ÄÖ"
        intervals [4]:
            xmin = 2.0
            xmax = 2.3
            text = ""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0.0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1.5
            mark = "click"
"""

SHORT = """\
File type = "ooTextFile short"
"TextGrid"

0
2.3
<exists>
2
"IntervalTier"
"words"
0
2.3
4
0
0.5
""
0.5
1.25
"say ""hi\"\""
1.25
2
"ÄÖ"
2
2.3
""
"TextTier"
"clicks"
0
2.3
1
1.5
"click"
"""


def filled(grid: TextGrid) -> TextGrid:
    return TextGrid(
        grid.start,
        grid.end,
        tuple(
            tier if tier.points else Tier(tier.name, fill_gaps(tier.segments, grid.start, grid.end))
            for tier in grid.tiers
        ),
    )


def test_long_form_is_as_praat_writes_it() -> None:
    assert re.sub(r" +\n", "\n", textgrid_text(GRID)) == LONG


@pytest.mark.parametrize("text", [LONG, SHORT, "! my grid\n" + LONG])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_forms_and_encodings_of_praat_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "x.TextGrid").write_bytes(text.encode(encoding))
    grid = read_textgrid(tmp_path / "x.TextGrid")
    assert grid == filled(GRID)
    assert grid.tier("words").segments[1].label == 'say "hi"'


def test_grid_without_tiers() -> None:
    assert parse_textgrid('"ooTextFile" "TextGrid" 0 1 <absent>').tiers == ()


LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


@given(st.lists(st.tuples(st.integers(1, 900), LABELS), min_size=1, max_size=8), LABELS)
def test_round_trip(parts: list[tuple[int, str]], name: str) -> None:
    segments, time = [], 0.0
    for length, label in parts:
        end = round(time + length / 1000, 6)
        segments.append(Segment(label, time, end))
        time = end
    grid = TextGrid(0.0, time, (Tier(name, tuple(segments)),))
    assert parse_textgrid(textgrid_text(grid)) == grid


def test_file_round_trip(tmp_path: Path) -> None:
    write_textgrid(tmp_path / "x.TextGrid", GRID)
    assert read_textgrid(tmp_path / "x.TextGrid") == filled(GRID)


def test_overlap_is_refused() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        fill_gaps([Segment("a", 0.0, 0.5), Segment("b", 0.4, 1.0)], 0.0, 1.0)
    with pytest.raises(ValueError, match="leaves the tier"):
        fill_gaps([Segment("a", 0.0, 1.5)], 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("<html>", "expected a text"),
        ('File type = "ooTextFile"\n"Sound 2"', "not a TextGrid"),
        (SHORT[:-20], "ends too early"),
        (SHORT.replace("1.25", '"x"'), "expected a number"),
        (SHORT.replace("\n4\n", "\n-4\n"), "expected a count"),
        (SHORT.replace("\n4\n", "\n4.5\n"), "expected a count"),
        (SHORT.replace("1.25", "0.1"), "run backwards"),
        (SHORT.replace("TextTier", "SpellTier"), "unknown class"),
    ],
)
def test_damaged_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.TextGrid").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"x\.TextGrid: .*{message}"):
        read_textgrid(tmp_path / "x.TextGrid")


@given(st.binary(max_size=60), st.integers(0, len(SHORT)))
def test_any_damage_is_a_value_error_or_a_grid(damage: bytes, place: int) -> None:
    text = SHORT[:place] + damage.decode("latin-1") + SHORT[place + 5 :]
    try:
        grid = parse_textgrid(text)
    except ValueError:
        return
    assert grid.start <= grid.end
