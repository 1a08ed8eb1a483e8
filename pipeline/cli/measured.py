"""Seconds from Snakemake's benchmark files and bytes of files, and both as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SIZE_STEP = 1000.0  # of kB, MB, GB


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


def duration(seconds: float) -> str:
    """Seconds for people.

    Examples:
        >>> duration(7.26), duration(75), duration(3725)
        ('7.3 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(num_bytes: float) -> str:
    """Bytes for people.

    Examples:
        >>> size(999), size(1_234_000)
        ('999 B', '1.2 MB')
    """
    if num_bytes < SIZE_STEP:
        return f"{num_bytes:.0f} B"
    for unit in ("kB", "MB", "GB"):
        num_bytes /= SIZE_STEP
        if num_bytes < SIZE_STEP or unit == "GB":
            return f"{num_bytes:.1f} {unit}"
    raise AssertionError
