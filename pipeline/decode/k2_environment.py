"""Where the Python is that can import k2."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.io.errors import UserError

VARIABLE = "K2_PYTHON"
FOLDER = ".venv-k2"


def k2_python(root: Path, environment: Mapping[str, str]) -> str:
    """Path of the interpreter for k2's programs.

    The first of: $K2_PYTHON (a path, or a name on $PATH), ``root``/.venv-k2/bin/python, this
    interpreter if it has k2.

    Raises:
        UserError: there is none.
    """
    named = environment.get(VARIABLE)
    if named:
        if shutil.which(named, path=environment.get("PATH")) is None:
            raise UserError(
                f"{VARIABLE}={named}: no such program; correct the variable or unset it"
            )
        return named
    beside = root / FOLDER / "bin" / "python"
    if beside.is_file():
        return str(beside)
    if importlib.util.find_spec("k2") is not None:
        return sys.executable
    raise UserError(
        f"k2: no Python has it ({VARIABLE}, {beside} and this one were tried); run 'make setup'"
    )
