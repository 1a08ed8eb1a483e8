"""SIGTERM to a run ends what it has started."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

WATCH = """
import sys
from pipeline.cli.running import run_snakemake
command = ["tests.workflow.parent_of_sleeper", sys.argv[1]]
verbose = sys.argv[3] == "verbose"
sys.exit(run_snakemake(command, sys.argv[2], dry_run=False, verbose=verbose))
"""


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended may stay a zombie where init does not look after it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", ["lines", "verbose"])
def test_sigterm_ends_snakemake_and_its_jobs(how: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    words = [sys.executable, "-c", WATCH, str(pids), str(tmp_path / "run"), how]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as run:
        while not pids.is_file():
            assert run.poll() is None
            time.sleep(0.05)
        started = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        assert len(started) == 2
        run.send_signal(signal.SIGTERM)
        _, said = run.communicate(timeout=60)
    if how == "lines":
        assert run.returncode == 128 + signal.SIGTERM
        assert said == "stopped; the same command goes on where it was\n"
    else:
        assert run.returncode != 0
    assert not any(lives(process) for process in started)
