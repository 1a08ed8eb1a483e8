"""Seconds from Snakemake's benchmark files, and bytes of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def benchmark_seconds(path: Path) -> tuple[float, float | None] | None:
    """Seconds and peak memory (MB) of a job's last run; None if it never ran or the file is bad."""
    try:
        header, *rows = (line.split("\t") for line in path.read_text("utf-8").splitlines())
        last = dict(zip(header, rows[-1], strict=False))
        seconds = float(last["s"])
    except (OSError, ValueError, IndexError, KeyError):
        return None
    try:
        memory = float(last.get("max_rss", ""))
    except ValueError:
        memory = None  # Snakemake writes "-" or "NA" for what it could not measure
    return seconds, memory


def size_of(files: Iterable[str]) -> int:
    """Bytes of those files that are there."""
    total = 0
    for file in files:
        try:
            total += Path(file).stat().st_size
        except OSError:
            continue
    return total
