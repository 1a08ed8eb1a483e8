"""One job of a run as the commands see it: its files, its cost, whether and why it would run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config import Config, ConfigError
from pipeline.workflow import stage_files, stage_rules


@dataclass
class JobState:
    """One job of a run, done or not."""

    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    log: str | None
    benchmark: str | None
    threads: int
    mem_mb: int | None
    runs: bool  # would run now
    causes: list[str] = field(default_factory=list)  # why, were no other job to run
    from_jobs: list[JobState] = field(default_factory=list)  # whose new results make it run
    needs: list[JobState] = field(default_factory=list)  # jobs that make its inputs

    @property
    def name(self) -> str:
        """As in what `hybrid run` prints: train_tri1 official tri1."""
        return " ".join([self.rule, *self.wildcards.values()])

    @property
    def missing(self) -> list[str]:
        """Outputs that are not there."""
        return [file for file in self.outputs if not Path(file).is_file()]


def stage_of_rule(config: Config) -> dict[str, str]:
    """Rule -> the stage that it belongs to."""
    return {rule: stage for stage in stage_files(config) for rule in stage_rules(config, stage)}


def find_job(jobs: Sequence[JobState], file: str) -> JobState:
    """The job that writes a file (its outputs, log and benchmark).

    Raises:
        ConfigError: none does.
    """
    for job in jobs:
        if file in (*job.outputs, job.log, job.benchmark):
            return job
    folder = Path(file).parent
    near = [output for job in jobs for output in job.outputs if Path(output).parent == folder]
    beside = f"; made in {folder}: {', '.join(near[:6])}" if near else ""
    raise ConfigError(f"{file}: no job of the recipe writes it{beside}")
