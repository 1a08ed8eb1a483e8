"""What the page shows of the voices: how much of what they say is understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.report.markup import Markup, join, table, tag
from pipeline.report.pipe_table import pipe_table

Row = dict[str, Any]
NUM_MISHEARD = 12  # of each set
HEADER = ("split", "voice", "said", "WER %", "95 % interval", "errors / words")


def voice_section(rows: Sequence[Row]) -> Markup | None:
    """A table of all voices and sets, and the first things misheard of each voice."""
    if not rows:
        return None
    note = (
        "natural: test recordings of the voice's speakers; copy synthesis: the same, analysed and "
        "made again by the vocoder; isolated words and strings: spoken by the voice."
    )
    parts = [table(HEADER, list(_lines(rows)), numeric=(3, 4, 5)), tag("p", note, class_="note")]
    misheard = [
        (row["voice"], name, pair["speaker"], pair["said"], pair["heard"])
        for row in rows
        for name, found in row["sets"].items()
        for pair in found["misheard"][:NUM_MISHEARD]
    ]
    if misheard:
        parts.append(table(("voice", "set", "speaker", "said", "heard"), misheard))
    return join(parts)


def _lines(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        for name, found in row["sets"].items():
            interval = found["interval"]
            yield (
                row["split"],
                row["voice"],
                name.replace("_", " "),
                f"{found['wer']:.2f}",
                f"{interval['low']:.2f} – {interval['high']:.2f}",
                f"{found['errors']} / {found['words']}",
            )


def voice_markdown(rows: Sequence[Row]) -> str:
    """The table of all voices and sets for a README; empty without voices."""
    if not rows:
        return ""
    return pipe_table(HEADER, _lines(rows))
