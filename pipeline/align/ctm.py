"""CTM, NIST's time-marked form: `utterance_id channel start duration label`, a segment a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.align.segments import Segment
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError


def ctm_lines(utterance_id: str, segments: Sequence[Segment]) -> list[str]:
    """Lines of one utterance; times in seconds with four digits, so that segments still touch."""
    lines = []
    for label, start, end in segments:
        first, last = round(start, 4), round(end, 4)
        lines.append(f"{utterance_id} 1 {first:.4f} {last - first:.4f} {label}\n")
    return lines


def write_ctm(path: Path, utterances: Mapping[str, Sequence[Segment]]) -> None:
    """Write the segments of all utterances, sorted by utterance_id."""
    text = "".join(line for u in sorted(utterances) for line in ctm_lines(u, utterances[u]))
    write_text(path, text)


def read_ctm(path: Path) -> dict[str, list[Segment]]:
    """Read utterance_id -> segments, in file order; a confidence in a sixth column is left out.

    Raises:
        UserError: a line is not of that form.
    """
    utterances: dict[str, list[Segment]] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip() or line.startswith(b";;"):
            continue
        try:
            utterance_id, _, start, duration, label, *_ = line.decode("utf-8").split()
            first, length = float(start), float(duration)
            if not (math.isfinite(first + length) and first >= 0 and length >= 0):
                raise ValueError
        except ValueError:
            raise UserError(
                f"{path}: line {number}: expected 'utterance channel start duration label'; "
                "export the alignment again"
            ) from None
        segment = Segment(label, first, round(first + length, 6))
        utterances.setdefault(utterance_id, []).append(segment)
    return utterances
