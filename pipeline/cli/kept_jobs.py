"""The jobs of a run as Snakemake last found them, kept while nothing they follow from has changed.

To ask Snakemake takes a second, most of it imports. An answer is used again only if all that it
follows from is the same: the configuration, the bytes of the rules and of all code, the versions,
each file of each job and each record of Snakemake about them (time of change, size, inode: the
kernel's time of change cannot be set, so no file is changed without a sign).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.cli.job_state import JobState
from pipeline.config import Config
from pipeline.io.atomic import write_text
from pipeline.workflow import REPOSITORY

FOLDER = Path(".snakemake", "hybrid")
RECORDS = (Path(".snakemake", "metadata"), Path(".snakemake", "incomplete"))  # of Snakemake
SOURCES = ("Snakefile", "environment.yml", "pipeline", "local", "recipes")
SUFFIXES = (".py", ".smk", ".yaml", ".yml")
# A file may be changed twice within one tick of its file system's clock: what is younger when
# Snakemake is asked is no base of a kept answer.
MIN_AGE_NS = 2_000_000_000
LINKS = ("needs", "from_jobs")  # of a job, to other jobs
PLAIN = [item.name for item in fields(JobState) if item.name not in LINKS]


class KeptJobs:
    """What is kept of one recipe in the current folder: one answer, of the last configuration."""

    def __init__(
        self, config: Config, changes: dict[str, Any], repository: Path = REPOSITORY
    ) -> None:
        self.path = FOLDER / f"{config.recipe}.json"
        self.repository = repository
        self.settings = [
            *(config.model_dump_json(), json.dumps(changes), os.getcwd(), str(repository)),
            *(sys.version, sys.executable, version("snakemake"), str(os.cpu_count())),
        ]
        self.key = self._key()
        self._asked = time.time_ns()

    def _key(self) -> str:
        return _digest([*self.settings, *_sources(self.repository)])

    def read(self) -> list[JobState] | None:
        """The kept jobs; None if there are none, or something has changed since."""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            if kept["key"] != self.key:
                return None
            jobs = [_job(values) for values in kept["jobs"]]
            for job, values in zip(jobs, kept["jobs"], strict=True):
                job.needs = [jobs[place] for place in values["needs"]]
                job.from_jobs = [jobs[place] for place in values["from_jobs"]]
            same = kept["files"] == self._state_of_files(jobs)
        except (OSError, ValueError, LookupError, TypeError):
            return None  # never kept, or damaged
        return jobs if same else None

    def write(self, jobs: Sequence[JobState]) -> None:
        """Keep what Snakemake answered after this object was made.

        Not if a file is too young or the code has changed; a folder that cannot be written is no
        error.
        """
        files = self._files(jobs)
        folders = {os.path.dirname(file) or "." for file in files}
        youngest = _youngest([*files, *folders, *self._records()])
        if youngest > self._asked - MIN_AGE_NS or self._key() != self.key:
            return
        place = {id(job): number for number, job in enumerate(jobs)}
        rows = [
            {
                **{name: getattr(job, name) for name in PLAIN},
                **{name: [place[id(other)] for other in getattr(job, name)] for name in LINKS},
            }
            for job in jobs
        ]
        kept = {"key": self.key, "files": self._state_of_files(jobs), "jobs": rows}
        with suppress(OSError):
            write_text(self.path, json.dumps(kept, ensure_ascii=False))

    def _files(self, jobs: Sequence[JobState]) -> list[str]:
        return sorted({file for job in jobs for file in (*job.inputs, *job.outputs)})

    def _records(self) -> list[str]:
        code = self.repository / ".snakemake" / "code"  # names the modules of a changed digest
        return [file for folder in (*RECORDS, code) for file in _below(str(folder))]

    def _state_of_files(self, jobs: Sequence[JobState]) -> str:
        return _digest(f"{file} {_state(file)}" for file in (*self._files(jobs), *self._records()))


def _job(values: dict[str, Any]) -> JobState:
    return JobState(**{name: values[name] for name in PLAIN})


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} {part}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _sources(repository: Path) -> Iterator[str]:
    """Each file that says which jobs there are, or that is part of a digest of code."""
    for name in SOURCES:
        for file in _below(str(repository / name)):
            if (file.endswith(SUFFIXES) or name == "Snakefile") and os.path.isfile(file):
                yield f"{file} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"


def _below(path: str) -> list[str]:
    """A file itself, or a folder and all below it; nothing if it is not there."""
    found = [path] if os.path.exists(path) else []
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if name != "__pycache__")
        found += [os.path.join(folder, name) for name in (*below, *sorted(names))]
    return found


def _state(path: str) -> str:
    """What changes when a file, or the file that a link points to, is written, moved or deleted."""
    try:
        states = [os.lstat(path), os.stat(path)]
    except OSError:
        return "missing"
    return " ".join(
        f"{s.st_dev} {s.st_ino} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}" for s in states
    )


def _youngest(paths: Iterable[str]) -> int:
    """Time (ns) of the last change of the paths; of what is gone, of the nearest folder above."""
    times: dict[str, int] = {}
    todo = list(paths)
    while todo:
        path = todo.pop()
        if path not in times:
            try:
                times[path] = os.stat(path).st_ctime_ns
            except OSError:
                times[path] = 0
                todo.append(os.path.dirname(path) or ".")
    return max(times.values(), default=0)
