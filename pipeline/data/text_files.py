"""Text tables of corpora: one key and its value a line, read so that one bad line stops nothing."""

from __future__ import annotations

from pathlib import Path

from pipeline.io.rejects import Reject


def read_table(path: Path, needs_value: bool = True) -> tuple[dict[str, str], list[Reject]]:
    """Read `key value...` lines, as Kaldi's text, utt2spk and wav.scp are.

    Args:
        needs_value: reject a line with a key only; otherwise its value is "".
    Returns:
        key -> value in file order, and one Reject for each line that is not UTF-8, has no value,
        or repeats a key (the first one counts).
    Raises:
        FileNotFoundError, PermissionError: the file cannot be opened.
    """
    table: dict[str, str] = {}
    rejects: list[Reject] = []
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            fields = raw.decode("utf-8").split(maxsplit=1)
        except UnicodeDecodeError:
            key = raw.split(maxsplit=1)[0].decode("ascii", errors="backslashreplace")
            reason = f"line {number} is not UTF-8"
            rejects.append(Reject(key, str(path), reason, "convert the file to UTF-8"))
            continue
        if not fields:  # white space of Unicode alone
            continue
        key, value = fields[0], fields[1].strip() if len(fields) > 1 else ""
        if needs_value and not value:
            reason = f"line {number} has a key and no value"
            rejects.append(Reject(key, str(path), reason, "complete or delete the line"))
        elif key in table:
            reason = f"line {number}: duplicate utterance id"
            rejects.append(Reject(key, str(path), reason, "make the ids unique"))
        else:
            table[key] = value
    return table, rejects
