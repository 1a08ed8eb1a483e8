"""The list of what was left out and why: rejected.tsv."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError, one_line

HEADER = ("utterance_id", "file", "reason", "remedy")


class Reject(NamedTuple):
    """One utterance (or line of a file) left out; fields are single lines without tabs."""

    utterance_id: str  # "-" when no utterance is known
    file: str
    reason: str
    remedy: str


def write_rejects(path: Path | str, rejects: Iterable[Reject]) -> None:
    """Write all rejects, sorted; an empty list still makes a file with its header."""
    rows = sorted(Reject(*(one_line(field) or "-" for field in reject)) for reject in rejects)
    write_text(path, "".join("\t".join(row) + "\n" for row in (HEADER, *rows)))


def read_rejects(path: Path | str) -> list[Reject]:
    """Read a file written by `write_rejects`.

    Raises:
        UserError: the header or a row has other columns.
    """
    try:
        rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        rows = []
    if not rows or tuple(rows[0]) != HEADER or any(len(row) != len(HEADER) for row in rows):
        raise UserError(f"{path}: expected the columns {', '.join(HEADER)}; run its stage again")
    return [Reject(*row) for row in rows[1:]]
