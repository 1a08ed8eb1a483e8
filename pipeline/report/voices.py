"""What the page shows of the voices: how much of what they say is understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.report.markup import Markup, join, table, tag
from pipeline.report.pipe_table import pipe_table
from pipeline.score.bootstrap import compare
from pipeline.score.wer import Errors

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


def compare_voices(rows: Sequence[Row], seed: int) -> Iterator[Row]:
    """Paired bootstrap of each voice with the first of its split, on what both have said.

    Fields: split, set, first, voice, difference (WER of the voice minus the first's, per cent),
    low, high, probability_better (that the first is better).
    """
    for split in dict.fromkeys(row["split"] for row in rows):
        first, *others = [row for row in rows if row["split"] == split]
        for other in others:
            for name, found in other["sets"].items():
                sides = [side.get("counts", []) for side in (first["sets"].get(name, {}), found)]
                words = [[counts[0] for counts in side] for side in sides]
                if words[0] != words[1] or not words[0] or sides[0] == sides[1]:
                    continue
                ours, theirs = ([Errors(*counts) for counts in side] for side in sides)
                compared = compare(theirs, ours, seed=seed)
                yield {
                    **{"split": split, "set": name, "first": first["voice"]},
                    **{"voice": other["voice"], "difference": 0.0 - compared.difference},
                    **{"low": 0.0 - compared.high, "high": 0.0 - compared.low},
                    "probability_better": compared.probability_better,
                }


def comparison_markdown(rows: Sequence[Row]) -> str:
    """The comparisons as a table; empty without any."""
    if not rows:
        return ""
    lines = [
        (
            *(row["split"], row["set"].replace("_", " ")),
            f"{row['voice']} over {row['first']}",
            f"{row['difference']:.2f}",
            f"{row['low']:.2f} – {row['high']:.2f}",
            f"{100 * row['probability_better']:.0f} %",
        )
        for row in rows
    ]
    header = ("split", "said", "voices", "WER above (paired)", "95 % interval", "really worse")
    return pipe_table(header, lines)


def voice_markdown(rows: Sequence[Row]) -> str:
    """The table of all voices and sets for a README; empty without voices."""
    if not rows:
        return ""
    return pipe_table(HEADER, _lines(rows))
