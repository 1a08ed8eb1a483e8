"""pipeline/cli/locking.py: one run at a time, and what a killed run leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli.locking import LOCKS, VARIABLE, lock_files, processes_of, run_name, sole_run
from pipeline.io.errors import UserError
from pipeline.workflow import REPOSITORY

ROOT = "exp/x"
HOLD = (
    "import time; from pipeline.cli.locking import sole_run\n"
    f"with sole_run({ROOT!r}, print): print('held', flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def other_run() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def snakemake_locks(file: str) -> Path:
    LOCKS.mkdir(parents=True, exist_ok=True)
    path = LOCKS / "0.output.lock"
    path.write_text(f"{file}\n")
    return path


def test_two_runs_in_one_folder() -> None:
    with other_run() as process:
        try:
            said = rf"exp/x: another .* \(process {process.pid}\)"
            with pytest.raises(UserError, match=said), sole_run(ROOT, print):
                pass
            with sole_run("exp/y", print):
                pass  # another recipe in the same folder is no hindrance
        finally:
            process.kill()
    with sole_run(ROOT, print):
        pass  # the lock went with its process


def test_locks_of_a_killed_run_go_away() -> None:
    with other_run() as process:
        path = snakemake_locks(f"{ROOT}/a")
        os.kill(process.pid, signal.SIGKILL)
    with sole_run(ROOT, print):
        assert not path.exists()


def test_locks_of_others_stay() -> None:
    """No run of ours was there, or another recipe is locked."""
    path = snakemake_locks(f"{ROOT}/a")
    with pytest.raises(UserError, match="locked by another Snakemake"), sole_run(ROOT, print):
        pass
    assert path.exists()
    snakemake_locks("exp/y/a")
    assert lock_files(ROOT) == []
    with sole_run(ROOT, print):
        assert path.exists()


def test_a_lock_that_is_older_than_our_last_run_is_not_ours() -> None:
    with sole_run(ROOT, print):
        pass
    path = snakemake_locks(f"{ROOT}/a")
    os.utime(path, (time.time() - 100, time.time() - 100))
    with pytest.raises(UserError, match="locked by another"), sole_run(ROOT, print):
        pass


def test_jobs_that_outlive_their_run_are_waited_for() -> None:
    job = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**os.environ, VARIABLE: run_name(ROOT)},
    )
    assert processes_of(run_name(ROOT)) == [job.pid]
    said: list[str] = []

    def sleep(_: float) -> None:
        job.kill()
        job.wait()

    with sole_run(ROOT, said.append, sleep) as variables:
        assert variables == {VARIABLE: run_name(ROOT)}
    assert said == [f"waiting for jobs of a run that was killed: processes {job.pid}"]
