"""The format that a JSON file says it has, against the one that this version reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.io.errors import UserError


def check_format(data: Mapping[str, Any], expected: int, path: Path, remedy: str = "") -> None:
    """Check the entry "format" of a file's content.

    Raises:
        UserError: the file is of another version.
        KeyError: it does not say its format.
    """
    if data["format"] != expected:
        advice = f"; {remedy}" if remedy else ""
        raise UserError(f"{path}: format {data['format']}, this version reads {expected}{advice}")
