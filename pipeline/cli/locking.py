"""One run at a time in a run's folder, and no lock that outlives its run.

A run killed with SIGKILL leaves Snakemake's lock files, and perhaps jobs that still work. The next
run waits for such jobs and takes the lock files away, but only if they are surely its own: it holds
a lock of the operating system, which ends with its process, and knows its jobs by a variable in
their environment.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.io.errors import UserError

VARIABLE = "HYBRID_RUN"  # in the environment of Snakemake and all its jobs
FOLDER = Path(".snakemake", "hybrid")
LOCKS = Path(".snakemake", "locks")
POLL = 0.2  # seconds
SLACK = 1.0  # seconds by which a file's time may precede the clock's


def run_name(root: str) -> str:
    """Names the run in this folder of this machine."""
    return f"{Path.cwd()}:{root}"


def processes_of(name: str) -> list[int]:
    """Living processes of the run: Snakemake and its jobs, this process left out."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(VARIABLE) == name and (
                process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's
    return sorted(found)


def snakemake_here() -> list[int]:
    """Other Snakemake processes that work in this folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(Path.cwd()) and any(
                Path(word).name == "snakemake" for word in process.cmdline()[:3]
            ):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def lock_files(root: str) -> list[Path]:
    """Snakemake's lock files that name files of the run."""
    found = []
    for path in sorted(LOCKS.glob("*.lock")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        if any(Path(line).is_relative_to(root) for line in lines):
            found.append(path)
    return found


def _holder(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    try:
        content = json.loads(file.read() or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _remove_stale_locks(root: str, holder: dict[str, Any]) -> None:
    """Take away what the last run of this folder left.

    Raises:
        UserError: the lock may be another's.
    """
    left = lock_files(root)
    if not left:
        return
    started = holder.get("started")
    own = (
        holder.get("host") == socket.gethostname()
        and isinstance(started, int | float)
        and all(path.stat().st_mtime >= started - SLACK for path in left)
        and not snakemake_here()
    )
    if not own:
        raise UserError(
            f"{root}: locked by another Snakemake; wait for it, or if none is left on any machine: "
            f"rm {' '.join(map(str, left))}"
        )
    for path in left:
        path.unlink(missing_ok=True)


@contextmanager
def sole_run(
    root: str, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> Iterator[dict[str, str]]:
    """Hold the run's folder; gives the variables that its processes need.

    Args:
        say: told when jobs of a killed run must be waited for.
    Raises:
        UserError: another run works there.
    """
    name = run_name(root)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{root.strip('/').replace('/', '_')}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(file).get("pid", "unknown")
            raise UserError(
                f"{root}: another `hybrid run` works there (process {pid}); wait for it, or choose "
                "another folder: --set output=FOLDER"
            ) from None
        except OSError:
            pass  # a file system without locks: Snakemake's own must do
        left = processes_of(name)
        if left:
            say(f"waiting for jobs of a run that was killed: processes {', '.join(map(str, left))}")
            while processes_of(name):
                sleep(POLL)
        _remove_stale_locks(root, _holder(file))
        file.truncate(0)
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}
        file.write(json.dumps(holder))
        file.flush()
        yield {VARIABLE: name}
