"""`hybrid doctor`: checks the installation and its surroundings, and says the remedies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

import typer

from pipeline.decode import k2_environment
from pipeline.io.errors import UserError
from pipeline.io.quantities import size
from pipeline.workflow import REPOSITORY

PYTHON = (3, 11)
LITTLE_DISK = 5_000_000_000  # bytes; the demo needs some MB, k2's environment 4 GB
K2_TIMEOUT = 60.0  # seconds
K2_SCRIPT = "import k2; from importlib.metadata import version as v; print(v('k2'), v('torch'))"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")


class Finding(NamedTuple):
    """One line of the result."""

    verdict: Literal["ok", "note", "fault"]
    what: str
    found: str
    remedy: str = ""


def read_pins(requirements: Path) -> dict[str, str]:
    """Package -> version of a requirements file."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return {match[1]: match[2] for line in lines if (match := PIN.match(line))}


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Iterator[Finding]:
    """The one minor version for which the pins are made."""
    found = ".".join(map(str, version))
    if version == PYTHON:
        yield Finding("ok", "Python", f"{found} at {sys.executable}")
    else:
        yield Finding("fault", "Python", found, "install python3.11 and run: make setup")


def check_packages(pins: Mapping[str, str]) -> Iterator[Finding]:
    """Installed packages against the pins."""
    wrong = []
    for package, wanted in pins.items():
        try:
            found = metadata.version(package).partition("+")[0]  # torch's 2.13.0+cpu
        except metadata.PackageNotFoundError:
            wrong.append(f"{package} missing")
            continue
        if found != wanted:
            wrong.append(f"{package} {found}, pinned {wanted}")
    if wrong:
        shown = "; ".join(wrong[:5]) + (f"; {len(wrong) - 5} more" if len(wrong) > 5 else "")
        remedy = f"{sys.executable} -m pip install -r requirements/main.txt"
        yield Finding("fault", "packages", shown, remedy)
    else:
        yield Finding("ok", "packages", f"{len(pins)} as pinned")


def check_k2(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether k2 can be imported in its own environment."""
    try:
        python = k2_environment.k2_python(REPOSITORY, environment)
    except UserError as error:
        remedy = "make setup, or decode with kaldi alone: --set 'decode.decoders=[kaldi]'"
        yield Finding("fault", "k2", str(error), remedy)
        return
    try:
        done = subprocess.run(
            [python, "-c", K2_SCRIPT],
            capture_output=True,
            text=True,
            timeout=K2_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("fault", "k2", f"{python}: {error}", "rm -r .venv-k2 && make setup")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("fault", "k2", f"{python}: {last}", "rm -r .venv-k2 && make setup")
    else:
        k2, torch = done.stdout.split()[-2:]
        yield Finding("ok", "k2", f"{k2} with torch {torch} at {python}")


def check_folder(folder: Path) -> Iterator[Finding]:
    """Whether runs can be written here, and how much fits."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding("fault", "folder", f"{folder}: {error.strerror}", "work in a folder of yours")
        return
    free = shutil.disk_usage(folder).free
    if free < LITTLE_DISK:
        remedy = "hybrid clean RECIPE, or --set output=FOLDER on another disk"
        yield Finding("note", "disk", f"{size(free)} free in {folder}", remedy)
    else:
        yield Finding("ok", "disk", f"{size(free)} free in {folder}")
    locks = folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        remedy = "wait for the other run; if none is left: snakemake --unlock"
        yield Finding("note", "lock", "another run works in this folder, or was killed", remedy)


def check_threads(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Cores, and variables that change how many threads a library takes."""
    set_ = {name: environment[name] for name in THREAD_VARIABLES if name in environment}
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"{usable} of {os.cpu_count()} cores usable"
    if set_:
        named = ", ".join(f"{name}={value}" for name, value in set_.items())
        yield Finding("note", "threads", f"{found}; {named}", "Snakemake sets them for each job")
    else:
        yield Finding("ok", "threads", found)


def check_corpora(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Where the corpora with real speech lie."""
    from local.registry import CORPORA

    entries = {name: CORPORA[name] for name in sorted(CORPORA) if CORPORA[name].source == "folder"}
    below = environment.get("CORPORA_DIR")
    if not below:
        remedy = "corpora are downloaded; or export CORPORA_DIR=FOLDER"
        yield Finding("note", "corpora", "CORPORA_DIR is not set", remedy)
        return
    if not Path(below).is_dir():
        remedy = "export CORPORA_DIR=FOLDER that holds the corpora, or unset it"
        yield Finding("fault", "corpora", f"CORPORA_DIR={below}: no such folder", remedy)
        return
    there = [name for name in entries if Path(below, name).is_dir()]
    absent = {name: entry for name, entry in entries.items() if name not in there}
    found = f"{', '.join(there) or 'none'} in {below}"
    if absent:
        fetched = [name for name, entry in absent.items() if not entry.supplied]
        supplied = [name for name, entry in absent.items() if entry.supplied]
        remedy = f"downloaded when used: {', '.join(fetched) or 'none'}"
        if supplied:
            remedy += f"; yours to get (their READMEs say where): {', '.join(supplied)}"
        yield Finding("note", "corpora", found, remedy)
    else:
        yield Finding("ok", "corpora", found)


def doctor() -> None:
    """Check the installation: Python, packages, k2, disk, threads, corpora; say the remedies.

    Ends with status 1 if something is at fault.

    Examples:

      hybrid doctor

      CORPORA_DIR=/data/corpora hybrid doctor
    """
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        lambda: check_packages(read_pins(REPOSITORY / "requirements" / "main.txt")),
        lambda: check_k2(os.environ),
        lambda: check_folder(Path.cwd()),
        lambda: check_threads(os.environ),
        lambda: check_corpora(os.environ),
    ]
    faults = 0
    for check in checks:
        for finding in check():
            faults += finding.verdict == "fault"
            typer.echo(f"{finding.verdict:5}  {finding.what}: {finding.found}")
            if finding.remedy:
                typer.echo(
                    f"       {'remedy: ' if finding.verdict == 'fault' else ''}{finding.remedy}"
                )
    typer.echo("all is well" if not faults else f"{faults} at fault")
    if faults:
        raise typer.Exit(1)
