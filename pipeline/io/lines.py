"""Files of lines, plain or gzipped: written whole, read one after the other, damage named."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError

Item = TypeVar("Item")
_BUFFER = 1 << 20  # a line of a lattice has megabytes


def write_lines(path: Path | str, lines: Iterable[bytes], level: int = 6) -> None:
    """Write lines with their ends, atomically; gzipped (with no time stamp) if named *.gz.

    Args:
        level: of gzip; checksums of manifests stand in results, so the default must not change.
    """
    path = Path(path)
    with atomic_path(path) as partial, partial.open("wb") as raw:
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel=level, fileobj=raw, mtime=0) as packed:
                packed.writelines(lines)
        else:
            raw.writelines(lines)


def read_lines(path: Path | str, parse: Callable[[bytes], Item]) -> Iterator[Item]:
    """Yield what ``parse`` makes of each line that is not blank, with its end.

    Raises:
        UserError: the file cannot be unpacked, or ``parse`` raised a ValueError: names the line.
    """
    path = Path(path)
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            lines = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER) if packed else raw
            for number, line in enumerate(lines, 1):  # noqa: B007
                if not line.isspace():
                    yield parse(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f" in line {number}", error) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:  # lines are unpacked many at a time
        raise _damaged(path, "", error) from None


def _damaged(path: Path, where: str, error: Exception) -> UserError:
    return UserError(f"{path}: damaged{where} ({error}); delete it and run its stage again")
