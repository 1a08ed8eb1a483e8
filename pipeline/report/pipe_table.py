"""A table in Markdown, and what its heading says of the speech."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def pipe_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of cells between pipes, each ended by a line feed."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def speech_note(title: str) -> str:
    """What follows "WER %" in a heading: a recipe whose title says "synthetic" says so there."""
    return ", synthetic speech" if "synthetic" in title.lower() else ""
