"""Thousands of shards: what Snakemake does for one more does not grow with their number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline.workflow import REPOSITORY, program_environment

# Calls of functions are counted, which are the same in each run, and not seconds.
COUNT = """
import contextlib, cProfile, io, pstats, sys
from snakemake.cli import main
profile = cProfile.Profile()
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    profile.runcall(main, sys.argv[1:])
names = [line.split()[0] for line in out.getvalue().splitlines() if line.startswith("    jobid")]
print(len(names), pstats.Stats(profile).total_calls)
"""


def jobs_and_calls(folder: Path, setting: str) -> tuple[int, int]:
    """Jobs of a dry run, and the function calls that it takes."""
    arguments = ["-n", "--snakefile", str(REPOSITORY / "Snakefile"), "--config", setting]
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments],
        cwd=folder,
        env={**os.environ, **program_environment(os.environ, conda=False)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    jobs, calls = done.stdout.split()[-2:]
    return int(jobs), int(calls)


def test_a_shard_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    numbers = (20, 320, 620)
    found = [jobs_and_calls(tmp_path, f'features={{"num_shards": {n}}}') for n in numbers]
    jobs, calls = zip(*found, strict=True)
    assert jobs[1] - jobs[0] == jobs[2] - jobs[1] == 300
    first, second = calls[1] - calls[0], calls[2] - calls[1]
    assert second < 1.05 * first
    assert second < 300 * 10_000  # the inputs of later jobs once took a thousand times as many
