"""JSON lines, plain or gzipped: the form of manifests, hypotheses and logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.io.lines import read_lines, write_lines


def write_json_lines(path: Path | str, items: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, atomically; gzipped (with no time stamp) if named *.gz."""
    write_lines(path, map(json_line, items))


def json_line(item: dict[str, Any]) -> bytes:
    """One line, with its end."""
    return json.dumps(item, ensure_ascii=False).encode("utf-8") + b"\n"


def read_json_lines(path: Path | str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file written by `write_json_lines` or lhotse.

    Raises:
        UserError: the file is damaged; the line is named.
    """
    return read_lines(path, _object)


def _object(line: bytes) -> dict[str, Any]:
    item = json.loads(line)
    if not isinstance(item, dict):
        raise ValueError("it is no JSON object")
    return item
