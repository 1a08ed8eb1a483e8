"""Programs of pipeline/bin as commands run them: in a process of its own, with its status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from pipeline.cli.stopping import run_to_end
from pipeline.workflow import program_environment


def run_program(name: str, arguments: Sequence[str]) -> None:
    """Run ``python -m pipeline.bin.NAME``.

    Raises:
        typer.Exit: with its status, if that is not 0.
    """
    environment = {**os.environ, **program_environment(os.environ, conda=False)}
    words = [sys.executable, "-m", f"pipeline.bin.{name}", *arguments]
    status = run_to_end(words, environment)
    if status:
        raise typer.Exit(status)
