"""Praat TextGrid files: tiers of labelled intervals (or points) in time.

Praat's manual, "TextGrid file formats": only free-standing numbers, texts in double quotes (a quote
inside is doubled) and flags in angle brackets count, the rest is comment. So one reader serves the
long and the short form.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.align.segments import Segment
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(<[^>\s]*>)|(?<!\S)(![^\n]*)|([^\s"]+)')
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_TOUCH = 1e-6  # s; a smaller gap is none


@dataclass(frozen=True)
class Tier:
    """A named row of segments; in a tier of points start and end of each are equal."""

    name: str
    segments: tuple[Segment, ...]
    points: bool = False


@dataclass(frozen=True)
class TextGrid:
    """Tiers over the time from start to end, in seconds."""

    start: float
    end: float
    tiers: tuple[Tier, ...]

    def tier(self, name: str) -> Tier:
        """The tier of that name; KeyError if there is none."""
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise KeyError(name)


def fill_gaps(segments: Sequence[Segment], start: float, end: float) -> tuple[Segment, ...]:
    """Intervals that cover start to end without a gap, as Praat needs; what is added has no label.

    Raises:
        ValueError: segments overlap, run backwards or leave the range.
    """
    filled: list[Segment] = []
    time = start
    for label, first, last in segments:
        if first < time - _TOUCH or last < first or last > end + _TOUCH:
            raise ValueError(f"segment '{label}' at {first} s overlaps another or leaves the tier")
        if first > time + _TOUCH:
            filled.append(Segment("", time, first))
            time = first
        filled.append(Segment(label, time, last))
        time = last
    if end > time + _TOUCH or not filled:
        filled.append(Segment("", time, end))
    elif filled:
        filled[-1] = filled[-1]._replace(end=end)
    return tuple(filled)


def _number(value: float) -> str:
    return repr(round(float(value), 6))


def _text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def textgrid_text(grid: TextGrid) -> str:
    """The long text form.

    Raises:
        ValueError: segments of a tier overlap or leave the grid's range.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [f"xmin = {_number(grid.start)} ", f"xmax = {_number(grid.end)} "]
    lines += ["tiers? <exists> ", f"size = {len(grid.tiers)} ", "item []: "]
    for number, tier in enumerate(grid.tiers, 1):
        kind, unit = ("TextTier", "points") if tier.points else ("IntervalTier", "intervals")
        segments = tier.segments if tier.points else fill_gaps(tier.segments, grid.start, grid.end)
        lines += [f"    item [{number}]:", f'        class = "{kind}" ']
        lines += [f"        name = {_text(tier.name)} "]
        lines += [f"        xmin = {_number(grid.start)} ", f"        xmax = {_number(grid.end)} "]
        lines += [f"        {unit}: size = {len(segments)} "]
        for index, (label, first, last) in enumerate(segments, 1):
            lines += [f"        {unit} [{index}]:"]
            if tier.points:
                lines += [f"            number = {_number(first)} "]
                lines += [f"            mark = {_text(label)} "]
            else:
                lines += [f"            xmin = {_number(first)} "]
                lines += [f"            xmax = {_number(last)} "]
                lines += [f"            text = {_text(label)} "]
    return "\n".join(lines) + "\n"


def write_textgrid(path: Path, grid: TextGrid) -> None:
    """Write the long text form in UTF-8; gaps between intervals are filled with empty ones."""
    write_text(path, textgrid_text(grid))


def _decode(data: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding)
    return data.decode("utf-8")


def _values(text: str) -> Iterator[float | str]:
    """The numbers (float), texts (str that starts with a quote) and flags (with `<`) of a file."""
    for quoted, flag, comment, word in _TOKEN.findall(text):
        if flag:
            yield flag
        elif word:
            if _NUMBER.fullmatch(word):
                yield float(word)
        elif not comment:
            yield '"' + quoted.replace('""', '"')


class _Reader:
    """Takes one value after the other, of the expected kind."""

    def __init__(self, text: str) -> None:
        self._values = _values(text)

    def _next(self) -> float | str:
        try:
            return next(self._values)
        except StopIteration:
            raise ValueError("it ends too early") from None

    def number(self) -> float:
        value = self._next()
        if not isinstance(value, float):
            raise ValueError(f"expected a number, found {value[1:30]!r}")
        return value

    def count(self) -> int:
        value = self.number()
        if not 0 <= value < 1e9 or value != int(value):
            raise ValueError(f"expected a count, found {value}")
        return int(value)

    def text(self) -> str:
        value = self._next()
        if isinstance(value, float) or not value.startswith('"'):
            raise ValueError(f"expected a text in quotes, found {value}")
        return value[1:]

    def flag(self) -> str:
        value = self._next()
        if isinstance(value, float) or not value.startswith("<"):
            raise ValueError(f"expected a flag such as <exists>, found {value}")
        return value

    def tier(self) -> Tier:
        kind, name = self.text(), self.text()
        if kind not in ("IntervalTier", "TextTier"):
            raise ValueError(f"tier {name!r} is of the unknown class {kind!r}")
        self.number(), self.number()
        segments: list[Segment] = []
        time = float("-inf")
        for _ in range(self.count()):
            first = self.number()
            last = self.number() if kind == "IntervalTier" else first
            segment = Segment(self.text(), first, last)
            if not time - _TOUCH <= first <= last:
                raise ValueError(f"times of tier {name!r} run backwards at {first} s")
            segments.append(segment)
            time = last
        return Tier(name, tuple(segments), points=kind == "TextTier")


def parse_textgrid(text: str) -> TextGrid:
    """Read the long or the short text form; empty intervals are kept.

    Raises:
        ValueError: what is wrong.
    """
    reader = _Reader(text)
    if not reader.text().startswith("ooTextFile") or reader.text() != "TextGrid":
        raise ValueError("not a TextGrid in Praat's text form")
    start, end = reader.number(), reader.number()
    if not start <= end:
        raise ValueError("it ends before it starts")
    tiers = range(reader.count()) if reader.flag() == "<exists>" else range(0)
    return TextGrid(start, end, tuple(reader.tier() for _ in tiers))


def read_textgrid(path: Path) -> TextGrid:
    """Read a TextGrid in UTF-8 or UTF-16, long or short form.

    Raises:
        UserError: the file is not a TextGrid or is damaged.
    """
    try:
        return parse_textgrid(_decode(path.read_bytes()))
    except ValueError as error:
        raise UserError(f"{path}: {error}; save it as a text file in Praat") from None
