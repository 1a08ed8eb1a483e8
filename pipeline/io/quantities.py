"""Durations and sizes as people read them."""

from __future__ import annotations

SIZE_STEP = 1000.0  # of kB, MB, GB


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
