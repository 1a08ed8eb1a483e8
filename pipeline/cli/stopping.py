"""A run that is asked to end (SIGTERM) takes Snakemake and its jobs along."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPED = 128 + signal.SIGTERM  # exit status, as a shell has it


@dataclass
class Asked:
    """Whether the run was asked to end."""

    to_stop: bool = False


def terminate_all(pid: int) -> None:
    """SIGTERM to a process and all that it has started, the last first."""
    import psutil

    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in reversed(family):
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue  # ended meanwhile


@contextmanager
def passing_on(process: subprocess.Popen[str]) -> Iterator[Asked]:
    """Within, a SIGTERM to this process ends `process` and its descendants instead.

    Ctrl-C needs no help: a terminal sends it to all of them. Signals are the main thread's alone;
    in another one nothing is passed on.
    """
    asked = Asked()

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked.to_stop = True
        terminate_all(process.pid)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def run_to_end(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Exit status of a command that a SIGTERM to this process ends, with all it has started."""
    with subprocess.Popen(words, env=environment, text=True) as process, passing_on(process):
        return process.wait()
