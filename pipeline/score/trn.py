"""sclite's trn form: `words (utterance_id)`, one utterance a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError


def write_trn(path: Path, transcripts: Mapping[str, Sequence[str]]) -> None:
    """Write utterance_id -> words, sorted by utterance_id; score with `sclite -i rm`."""
    lines = [
        " ".join((*transcripts[utterance_id], f"({utterance_id})")) + "\n"
        for utterance_id in sorted(transcripts)
    ]
    write_text(path, "".join(lines))


def read_trn(path: Path) -> dict[str, tuple[str, ...]]:
    """Read utterance_id -> words.

    Raises:
        UserError: a line does not end with an id in brackets, or an id comes twice.
    """
    transcripts: dict[str, tuple[str, ...]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        *words, last = line.split()
        utterance_id = last[1:-1]
        if not (last.startswith("(") and last.endswith(")")) or utterance_id in transcripts:
            raise UserError(
                f"{path}: line {number}: expected words, then a new (utterance_id); mend the line"
            )
        transcripts[utterance_id] = tuple(words)
    return transcripts
