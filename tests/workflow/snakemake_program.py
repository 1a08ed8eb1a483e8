"""Plain Snakemake with the project's Snakefile, in a folder of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline.workflow import REPOSITORY, program_environment


def run_snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it and wait; what it says is text."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
         *arguments],
        cwd=folder,
        env={**os.environ, **program_environment(os.environ, conda=False)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
