"""`hybrid stages`: each stage done, stale with the reason, or missing; its time and disk."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Changes, Recipe, mistakes_as_lines, read_recipe
from pipeline.cli.dag import read_jobs
from pipeline.cli.job_state import JobState, stage_of_rule
from pipeline.cli.measured import benchmark_seconds, size_of
from pipeline.cli.tables import echo_table
from pipeline.config import Config
from pipeline.io.quantities import duration, size

REASON_WIDTH = 200  # characters


@dataclass(frozen=True)
class StageState:
    """One stage of a run."""

    name: str
    jobs: int
    to_run: int
    state: str  # done, stale, missing, or so many of its jobs
    reason: str
    seconds: float  # of its jobs, one after the other; 0: not measured
    num_bytes: int


def roots(job: JobState) -> list[JobState]:
    """The jobs from which the need to run comes: without them `job` would stay as it is."""
    found: dict[int, JobState] = {}
    seen: set[int] = set()
    todo = [job]
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current.causes:
            found[id(current)] = current
        todo.extend(current.from_jobs)
    return list(found.values())


def _reason(name: str, jobs: Sequence[JobState], stage_of: dict[str, str]) -> str:
    """Why a stage's jobs run: their own causes first, else the earlier stages that will change."""
    running = [job for job in jobs if job.runs]
    if not running:
        number = sum(len(job.missing) for job in jobs)
        return f"{number} files are gone, which nothing that would run needs" if number else ""
    own = dict.fromkeys(
        cause for job in running for cause in job.causes if not cause.startswith("missing: ")
    )
    if own:
        return "; ".join(own)
    if any(job.missing for job in running):
        gone = [file for job in running for file in job.missing]
        return f"{len(gone)} files to be made, e.g. {gone[0]}"
    earlier = dict.fromkeys(
        stage_of[root.rule] for job in running for root in roots(job) if stage_of[root.rule] != name
    )
    return f"follows from {', '.join(earlier)}" if earlier else ""


def stage_states(config: Config, jobs: Sequence[JobState]) -> list[StageState]:
    """The stages in the order of the flow."""
    stage_of = stage_of_rule(config)
    groups: dict[str, list[JobState]] = {stage: [] for stage in dict.fromkeys(stage_of.values())}
    for job in jobs:
        groups[stage_of[job.rule]].append(job)
    table = []
    for name, members in groups.items():
        running = [job for job in members if job.runs]
        absent = [job for job in members if job.missing]
        if not running:
            state = "done"
        elif len(absent) == len(members):
            state = "missing"
        elif absent:
            state = f"{len(members) - len(running)} of {len(members)}"
        else:
            state = "stale"
        measured = [benchmark_seconds(Path(job.benchmark)) for job in members if job.benchmark]
        table.append(
            StageState(
                name,
                len(members),
                len(running),
                state,
                _reason(name, members, stage_of) if state != "missing" else "",
                sum(found[0] for found in measured if found),
                sum(size_of(job.outputs) for job in members),
            )
        )
    return table


def stages(
    recipe: Recipe,
    changes: Changes = None,
    why: Annotated[bool, typer.Option("--why", help="Reasons in full.")] = False,
) -> None:
    """Show a recipe's stages in their order: done, stale and why, or missing; time and disk.

    Examples:

      hybrid stages fsdd

      hybrid stages fsdd --set decode.beam=12     what this change would make stale
    """
    with mistakes_as_lines():
        config, tree = read_recipe(recipe, changes)
        table = stage_states(config, read_jobs(config, tree))
    rows = [
        (
            row.name,
            row.state,
            f"{row.jobs - row.to_run}/{row.jobs}",
            duration(row.seconds) if row.seconds else "-",
            size(row.num_bytes) if row.num_bytes else "-",
            row.reason if why else textwrap.shorten(row.reason, REASON_WIDTH, placeholder=" …"),
        )
        for row in table
    ]
    echo_table(("stage", "state", "jobs", "time", "disk", "why"), rows, right=(2, 3, 4))
    seconds, num_bytes = sum(r.seconds for r in table), sum(r.num_bytes for r in table)
    if num_bytes:
        typer.echo(f"all: {duration(seconds)} of jobs, {size(num_bytes)} on disk")
