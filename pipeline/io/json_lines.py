"""JSON lines, plain or gzipped: the form of manifests, hypotheses and logs."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError


def write_json_lines(path: Path | str, items: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, atomically; gzipped (with no time stamp) if named *.gz."""
    path = Path(path)
    with atomic_path(path) as partial, partial.open("wb") as raw:
        lines = (json.dumps(item, ensure_ascii=False).encode("utf-8") + b"\n" for item in items)
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                packed.writelines(lines)
        else:
            raw.writelines(lines)


def read_json_lines(path: Path | str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file written by `write_json_lines` or lhotse.

    Raises:
        UserError: the file is damaged; the line is named.
    """
    path = Path(path)
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            lines = gzip.GzipFile(fileobj=raw) if packed else raw
            for number, line in enumerate(lines, 1):
                if line.strip():
                    item = json.loads(line)
                    if not isinstance(item, dict):
                        raise ValueError(f"line {number} is no JSON object")
                    yield item
    except (ValueError, RecursionError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path}: damaged after line {number} ({error}); delete it and run its stage again"
        ) from None
