"""`hybrid plan`: what would run, how long it would take and how much disk, before it runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Changes, Recipe, mistakes_as_lines, read_recipe
from pipeline.cli.costs import (
    Cost,
    cost_elsewhere,
    finish_time,
    guess_cost,
    job_cost,
    other_runs,
)
from pipeline.cli.dag import read_jobs
from pipeline.cli.job_state import JobState, stage_of_rule
from pipeline.cli.measured import size_of
from pipeline.cli.published_costs import read_costs
from pipeline.cli.running import chosen_stages
from pipeline.cli.tables import echo_table
from pipeline.config import Config
from pipeline.io.quantities import duration, size
from pipeline.workflow import REPOSITORY


@dataclass(frozen=True)
class Plan:
    """Jobs that would run, and what is known of their cost."""

    jobs: list[JobState]  # earlier before later ones
    costs: dict[int, Cost]  # place in `jobs` -> cost; others are unknown
    from_elsewhere: int  # of the costs: how many were measured in other runs
    published: int = 0  # of the costs: how many are those of the published results


def make_plan(
    jobs: Sequence[JobState], root: str, published: Mapping[str, Cost] | None = None
) -> Plan:
    """The cost of each job that runs.

    Its own last run's, else of its rule, else that of the published results (published_costs.py),
    else of other runs.
    """
    stored = published or {}
    done = [(job, cost) for job in jobs if (cost := job_cost(job)) is not None]
    own = {id(job): cost for job, cost in done}
    others = other_runs(root)
    todo = [job for job in jobs if job.runs]
    costs, from_elsewhere, from_published = {}, 0, 0
    for place, job in enumerate(todo):
        if job.benchmark is None:  # a moment's work in Snakemake's own process
            costs[place] = Cost(0.0, None, size_of(job.outputs))
            continue
        cost = own.get(id(job)) or guess_cost(job, done)
        if cost is None:
            name = job.benchmark.removeprefix(f"{root}/benchmarks/").removesuffix(".tsv")
            cost = stored.get(name)
            from_published += cost is not None
        if cost is None:
            cost = cost_elsewhere(job, root, others)
            from_elsewhere += cost is not None
        if cost is not None:
            costs[place] = cost
    return Plan(todo, costs, from_elsewhere, from_published)


def up_to(jobs: Sequence[JobState], config: Config, stages: Sequence[str]) -> list[JobState]:
    """The jobs of these stages and those that they need."""
    stage_of = stage_of_rule(config)
    wanted: set[int] = set()
    for job in reversed(jobs):  # later before earlier ones
        if stage_of[job.rule] in stages or id(job) in wanted:
            wanted.add(id(job))
            wanted.update(id(other) for other in job.needs)
    return [job for job in jobs if id(job) in wanted]


def plan(
    recipe: Recipe,
    first: Annotated[
        str | None, typer.Option("--from", metavar="STAGE", help="As of `hybrid run`.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="STAGE", help="As of `hybrid run`.")
    ] = None,
    force: Annotated[
        list[str] | None, typer.Option("--force", metavar="STAGE", help="As of `hybrid run`.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processor cores to use [default: all].")
    ] = None,
    changes: Changes = None,
) -> None:
    """Say what a run would do, how long it would take, and how much disk and memory it needs.

    Times, sizes and memory are those of earlier runs: of the job itself, else of the other jobs of
    its rule, else of the same job in another run in the same folder (another corpus, perhaps).

    Examples:

      hybrid plan fsdd

      hybrid plan fsdd --from tri3b --jobs 8
    """
    with mistakes_as_lines():
        config, tree = read_recipe(recipe, changes)
        stages, forced = chosen_stages(config, first, last, force)
        known = up_to(read_jobs(config, tree, forced), config, stages)
    found = make_plan(known, config.root, read_costs(REPOSITORY / "recipes" / config.recipe))
    if not found.jobs:
        typer.echo("nothing to be done")
        return
    _echo(found, config, jobs or os.cpu_count() or 1)


def _echo(found: Plan, config: Config, cores: int) -> None:
    stage_of = stage_of_rule(config)
    rows = []
    for stage in dict.fromkeys(stage_of.values()):
        places = [i for i, job in enumerate(found.jobs) if stage_of[job.rule] == stage]
        costs = [found.costs[i] for i in places if i in found.costs]
        if not places:
            continue
        memory = max((cost.max_rss_mb or 0.0 for cost in costs), default=0.0)
        unknown = len(places) - len(costs)
        rows.append(
            (
                stage,
                str(len(places)),
                duration(sum(cost.seconds for cost in costs)) if costs else "?",
                size(sum(cost.num_bytes for cost in costs)) if costs else "?",
                f"{memory / 1000:.1f} GB" if memory else "?",
                f"{unknown} never measured" if unknown and costs else "",
            )
        )
    echo_table(("stage", "jobs", "time", "disk", "memory", ""), rows, right=(1, 2, 3, 4))
    unknown = len(found.jobs) - len(found.costs)
    total = sum(cost.seconds for cost in found.costs.values())
    num_bytes = sum(cost.num_bytes for cost in found.costs.values())
    free = shutil.disk_usage(_existing(Path(config.root))).free
    typer.echo(f"{counted(len(found.jobs))} would run")
    if found.costs:
        least = "at least " if unknown else "about "
        time = finish_time(found.jobs, found.costs, cores)
        cores_text = f"{cores} core" + ("s" if cores > 1 else "")
        typer.echo(
            f"{least}{duration(time)} on {cores_text} ({duration(total)} of jobs), "
            f"{size(num_bytes)} written, {size(free)} free"
        )
    if unknown:
        typer.echo(f"{counted(unknown)} never ran in this folder: the cost is not known")
    if found.published:
        typer.echo(
            f"{counted(found.published)} judged by recipes/{config.recipe}/RESULTS.md, "
            "on the machine named there, disk not counted"
        )
    if found.from_elsewhere:
        typer.echo(
            f"{counted(found.from_elsewhere)} judged by other runs in {Path(config.root).parent}/, "
            "whose corpora may be of another size"
        )


def counted(number: int) -> str:
    """A number of jobs."""
    return f"{number} job" if number == 1 else f"{number} jobs"


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(folder for folder in (path, *path.resolve().parents) if folder.is_dir())
