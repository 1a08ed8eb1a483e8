"""Which Python is taken for k2."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from pipeline.decode.k2_environment import k2_python
from pipeline.io.errors import UserError


def make_program(path: Path) -> str:
    """An executable file."""
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_variable_goes_before_the_folder(tmp_path: Path) -> None:
    named = make_program(tmp_path / "elsewhere" / "python")
    beside = make_program(tmp_path / ".venv-k2" / "bin" / "python")
    assert k2_python(tmp_path, {"K2_PYTHON": named}) == named
    assert k2_python(tmp_path, {}) == beside


def test_a_name_on_the_path_is_enough(tmp_path: Path) -> None:
    make_program(tmp_path / "bin" / "mypython")
    variables = {"K2_PYTHON": "mypython", "PATH": str(tmp_path / "bin")}
    assert k2_python(tmp_path, variables) == "mypython"


def test_a_variable_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    make_program(tmp_path / ".venv-k2" / "bin" / "python")
    with pytest.raises(UserError, match="no such program"):
        k2_python(tmp_path, {"K2_PYTHON": str(tmp_path / "nothing")})


def test_this_python_serves_if_it_has_k2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"k2": ModuleSpec("k2", None)}
    monkeypatch.setattr(importlib.util, "find_spec", known.get)
    assert k2_python(tmp_path, {}) == sys.executable
    known.clear()
    with pytest.raises(UserError, match="make setup"):
        k2_python(tmp_path, {})
