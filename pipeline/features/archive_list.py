"""The list of a run's feature archives, on which later jobs depend in place of each archive.

Thousands of archives as inputs of every job would take Snakemake minutes to go through.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.io.atomic import write_json

NAME = "archives.json"


def write_archive_list(folder: Path, archives: Iterable[Path]) -> None:
    """Write archives.json: each archive, from the folder on, and its size in bytes."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in archives}
    write_json(folder / NAME, sizes)


def drop_stale_list(folder: Path) -> list[str]:
    """Delete archives.json if an archive is gone or has another size.

    Then the next job that needs features waits for the archives to be made again. A list that
    cannot be read or deleted is left to the jobs.

    Returns:
        The archives that are not as listed.
    """
    path = folder / NAME
    try:
        sizes = json.loads(path.read_text(encoding="utf-8"))
        lost = [name for name, size in sizes.items() if _size(f"{folder}/{name}") != size]
    except (OSError, ValueError, AttributeError):
        return []
    if lost:
        with suppress(OSError):
            path.unlink()
    return lost


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
