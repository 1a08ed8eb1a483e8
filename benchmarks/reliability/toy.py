"""The toy recipe of the tests with its first rung alone, run by `hybrid` in a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.cli.arguments import parse_changes
from pipeline.config import Config
from pipeline.snakemake_messages import Started, events
from pipeline.workflow import REPOSITORY, load_recipe, program_environment, stage_rules
from tests.workflow.toy_recipe import CHANGES

SETTINGS = (
    *CHANGES,
    *("gmm.tri1=null", "gmm.tri2b=null", "gmm.tri3b=null"),
    *("nnet.lstm.alignment=mono", "nnet.lstm.features=cepstra"),
    *("nnet.lstm.training.checkpoint_steps=1", "nnet.lstm.training.num_epochs=6"),
)
ROOT = Path("exp/demo")
PAGES = ("index.html", "RESULTS.md")  # written from results.json, which is compared
CONFIG: Config = load_recipe(parse_changes(list(SETTINGS)))
TIMED = {"seconds", "frames_per_second", "stages", "disk"}  # keys whose values are not results
PATIENCE = 3600.0  # seconds


def command(*arguments: str) -> list[str]:
    """`hybrid run` of the toy recipe."""
    settings = [word for change in SETTINGS for word in ("--set", change)]
    return [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        "demo",
        "--jobs",
        "2",
        *settings,
        *arguments,
    ]


def environment() -> dict[str, str]:
    """Variables of its processes."""
    found = {**os.environ, **program_environment(os.environ, conda=False)}
    return {**found, "PYTHONPATH": str(REPOSITORY)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it in a session of its own, so that all of it can be killed at once."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_stage(process: subprocess.Popen[str], stage: str) -> bool:
    """Wait until a job of the stage starts; False if the run ended before."""
    assert process.stdout is not None
    rules = stage_rules(CONFIG, stage)
    return any(isinstance(e, Started) and e.job.rule in rules for e in events(process.stdout))


def stage_seconds(folder: Path, stage: str) -> float:
    """Run up to a stage; seconds from its first job to the end."""
    process = start(folder, "--until", stage, "--verbose")
    started = time.monotonic() if wait_for_stage(process, stage) else None
    assert process.stdout is not None
    said = process.stdout.read()
    if process.wait() or started is None:
        raise SystemExit(f"the undisturbed run failed in {stage}: {said[-2000:]}")
    return time.monotonic() - started


def kill_in_stage(folder: Path, stage: str, delay: float, whole: bool = True) -> bool:
    """Start a run and kill -9 it `delay` seconds after the stage's first job began.

    Args:
        whole: all its processes; else Snakemake and `hybrid` alone, so that jobs live on.
    Returns:
        False if it had ended before.
    """
    process = start(folder, "--until", stage, "--verbose")
    reached = wait_for_stage(process, stage)
    if reached:
        time.sleep(delay)
    alive = process.poll() is None
    with contextlib.suppress(ProcessLookupError):  # it may just have ended
        if whole:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            for pid in _leaders(process.pid):
                os.kill(pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    return reached and alive


def _leaders(pid: int) -> list[int]:
    """`hybrid` and Snakemake, not the jobs."""
    import psutil

    try:
        children = [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
    return [pid, *children]


def last_words(result: subprocess.CompletedProcess[str]) -> str:
    """The line by which a failed run says why; empty if there is a traceback or no such line."""
    said = result.stdout + result.stderr
    if "Traceback" in said:
        return ""
    lines = [line for line in said.splitlines() if "error: " in line]
    return lines[-1] if lines else ""


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(below) for key, below in value.items() if key not in TIMED}
    if isinstance(value, list):
        return [_without_times(below) for below in value]
    return value


def _content(path: Path) -> bytes:
    """What is compared of a file: all, but for the times that a training or the report took."""
    if path.name in ("log.jsonl", "results.json", "graph.json"):
        text = path.read_text(encoding="utf-8")
        parts = text.splitlines() if path.suffix == ".jsonl" else [text]
        return json.dumps([_without_times(json.loads(part)) for part in parts]).encode()
    return path.read_bytes()


def results(folder: Path, names: Iterable[str] = ("",)) -> dict[str, str]:
    """Digest of each file below exp/demo; logs, times and the pages that show them are left out."""
    found = {}
    for name in names:
        for path in sorted((folder / ROOT / name).rglob("*")):
            below = path.relative_to(folder / ROOT)
            skipped = below.parts[0] in ("logs", "benchmarks") or below.name in PAGES
            if path.is_file() and not skipped:
                found[str(below)] = hashlib.sha256(_content(path)).hexdigest()
    return found


def differences(folder: Path, reference: dict[str, str]) -> list[str]:
    """Files that differ from an undisturbed run's, are missing, or should not be there."""
    found = results(folder)
    return sorted(name for name in found | reference if found.get(name) != reference.get(name))
