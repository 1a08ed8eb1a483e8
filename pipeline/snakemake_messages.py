"""What Snakemake prints, read line by line: which jobs start, end and fail."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

START = re.compile(r"(?:local)?rule (\w+):$")
DETAIL = re.compile(r"    (\w+): (.*)$")
DONE = re.compile(r"Finished jobid: (\d+)")
COUNT = re.compile(r"(\d+) of (\d+) steps")
FAILED = re.compile(r"Error in rule (\w+):$")
LAST_DETAIL = "resources"
PARAMS = "Params have changed since last execution"
OPTIONS = "Options or code have changed since last execution"
# Why a job runs in any first run: not worth a word.
USUAL_REASONS = ("Missing output files", "Input files updated by another job")


@dataclass
class Job:
    """One job, as Snakemake announces it."""

    rule: str
    details: dict[str, str] = field(default_factory=dict)  # jobid, log, wildcards, reason, ...
    started: float = 0.0  # seconds of a monotonic clock

    @property
    def name(self) -> str:
        """The rule and what its wildcards stand for: train_tri1 official tri1."""
        pairs = self.details.get("wildcards", "").split(", ")
        return " ".join([self.rule, *(pair.partition("=")[2] for pair in pairs if pair)])

    @property
    def unusual_reason(self) -> str:
        """Why it runs although its results may be there; empty in a first run."""
        reasons = self.details.get("reason", "").split("; ")
        unusual = [reason for reason in reasons if not reason.startswith(USUAL_REASONS)]
        # The rest of that sentence is all parameters at once; `hybrid why` says which.
        return "; ".join(OPTIONS if reason.startswith(PARAMS) else reason for reason in unusual)

    def explain(self, causes: Mapping[str, str]) -> None:
        """Put in place of Snakemake's reason what is known of this job, where options changed."""
        if PARAMS in self.details.get("reason", "") and self.name in causes:
            self.details["reason"] = causes[self.name]

    @property
    def log(self) -> str | None:
        """Path of its log file."""
        path = self.details.get("log", "").removesuffix(" (check log file(s) for error details)")
        return path or None


@dataclass(frozen=True)
class Started:
    """A job starts, or would start in a dry run."""

    job: Job


@dataclass(frozen=True)
class Finished:
    """A job has ended well."""

    job: Job
    seconds: float
    done: int  # jobs of the run, this one included
    total: int


@dataclass(frozen=True)
class Failed:
    """A job has failed."""

    job: Job


Event = Started | Finished | Failed


def events(lines: Iterable[str], clock: Callable[[], float] = time.monotonic) -> Iterator[Event]:
    """Events in Snakemake's output, as they happen.

    Args:
        lines: output of Snakemake 9 at its default verbosity.
        clock: seconds.
    """
    jobs: dict[str, Job] = {}
    current: Job | None = None  # whose details are being read
    failing = False
    finished: Job | None = None
    for line in lines:
        line = line.rstrip("\n")
        detail = DETAIL.match(line)
        if current is not None:
            if detail:
                current.details[detail[1]] = detail[2]
                if detail[1] == LAST_DETAIL and not failing:  # the next line may be minutes away
                    jobs[current.details.get("jobid", "")] = current
                    yield Started(current)
                    current = None
                continue
            if not line.startswith("    "):
                if failing:
                    yield Failed(current)
                else:
                    jobs[current.details.get("jobid", "")] = current
                    yield Started(current)
                current = None
        start, failed = START.match(line), FAILED.match(line)
        done, count = DONE.match(line), COUNT.match(line)
        if start or failed:
            failing = failed is not None
            current = Job((start or failed)[1], started=clock())  # type: ignore[index]
        elif done:
            finished = jobs.get(done[1])
        elif count and finished is not None:
            yield Finished(finished, clock() - finished.started, int(count[1]), int(count[2]))
            finished = None
    if current is not None:
        yield Failed(current) if failing else Started(current)
