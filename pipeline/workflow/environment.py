"""Surroundings of the programs: which python runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.decode import k2_environment
from pipeline.io.errors import UserError
from pipeline.workflow.recipes import REPOSITORY


def program_environment(environment: Mapping[str, str], conda: bool) -> dict[str, str]:
    """Variables for the jobs: `python` is the one that runs Snakemake, K2_PYTHON the one for k2.

    Args:
        conda: Snakemake makes the environments of the rules, whose `python` is then the right one.
    """
    changed = {"PYTHONPATH": _before(str(REPOSITORY), environment.get("PYTHONPATH"))}
    if conda:
        return {**changed, k2_environment.VARIABLE: "python"}
    changed["PATH"] = _before(str(Path(sys.executable).parent), environment.get("PATH"))
    try:
        changed[k2_environment.VARIABLE] = k2_environment.k2_python(REPOSITORY, environment)
    except UserError:  # the jobs that need it will say so
        changed[k2_environment.VARIABLE] = environment.get(k2_environment.VARIABLE, sys.executable)
    return changed


def _before(first: str, rest: str | None) -> str:
    return os.pathsep.join([first, *([rest] if rest else [])])
