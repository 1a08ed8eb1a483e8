"""A program of the pipeline as a process of its own: its seconds and its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NUM_THREADS = 2


@dataclass(frozen=True)
class Used:
    """What one process took, from its start to its end."""

    name: str
    wall: float  # s
    cpu: float  # s, user and system
    peak_mb: float  # largest resident set

    def row(self) -> str:
        """A line of a Markdown table."""
        return f"| {self.name} | {self.wall:.2f} | {self.cpu:.2f} | {self.peak_mb:.0f} |"


def run(name: str, module: str, arguments: dict[str, Any]) -> Used:
    """Run ``python -m module --key value ...``; a dict becomes JSON, None is left out.

    The caller should itself be small: Linux counts a process's memory before exec as its child's.

    Raises:
        SystemExit: the program failed; its messages are shown.
    """
    command = [sys.executable, "-m", module]
    for key, value in arguments.items():
        if value is not None:
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            command += [f"--{key.replace('_', '-')}", text]
    started = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    messages = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{messages}")
    return Used(name, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@dataclass(frozen=True)
class Machine:
    """Cores, and how busy they are."""

    num_cores: int
    load: float  # average over the last minute

    @classmethod
    def now(cls) -> Machine:
        """This machine at this moment."""
        return cls(len(os.sched_getaffinity(0)), round(os.getloadavg()[0], 2))


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write figures as JSON; dataclasses become objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, default=asdict) + "\n", encoding="utf-8")
