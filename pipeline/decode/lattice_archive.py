"""lattices.jsonl.gz: a lattice a line, as ``word_lattice`` says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.io.lines import write_lines

LEVEL = 4  # of gzip: lattices take 15% more room than at 6, and less than half the time


def write_lattices(path: Path, lines: Iterable[bytes]) -> None:
    """Write the lines of a set's lattices, sorted by utterance id, atomically."""
    write_lines(path, lines, LEVEL)
