"""`hybrid why`: the reason that a file would be made again, down to what has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Changes, complete_recipe, mistakes_as_lines, read_recipe
from pipeline.cli.dag import read_jobs
from pipeline.cli.job_state import JobState, find_job, stage_of_rule
from pipeline.cli.stages import roots
from pipeline.config import ConfigError
from pipeline.workflow import known_recipes, load_recipe


def recipe_of(file: str) -> str:
    """The recipe below whose folder a file lies.

    Raises:
        ConfigError: there is none.
    """
    for name in known_recipes():
        try:
            root = load_recipe({"recipe": name}).root
        except ConfigError:
            continue
        if Path(file).is_relative_to(root):
            return name
    raise ConfigError(f"{file}: in no recipe's folder (exp/<recipe>); name it with --recipe")


def explain(job: JobState, stage_of: dict[str, str]) -> Iterator[str]:
    """Lines that say why a job would run."""
    if not job.runs:
        gone = "missing, but nothing that would run needs it"
        yield gone if job.missing else "up to date"
        return
    yield from (f"because: {cause}" for cause in job.causes)
    for root in roots(job):
        if root is not job:
            for cause in root.causes:
                yield f"because of {root.name} (stage {stage_of[root.rule]}): {cause}"


def why(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of a run.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Its recipe [default: by the file's folder].", autocompletion=complete_recipe
        ),
    ] = None,
    changes: Changes = None,
) -> None:
    """Say which job makes a file, whether it would be made again, and why.

    Examples:

      hybrid why exp/fsdd/official/lstm/model.json

      hybrid why exp/fsdd/report/index.html --set decode.beam=12
    """
    path = os.path.relpath(file)
    with mistakes_as_lines():
        config, tree = read_recipe(recipe or recipe_of(path), changes)
        if Path(config.root).is_absolute():
            path = os.path.abspath(file)
        jobs = read_jobs(config, tree)
        job = find_job(jobs, path)
    stage_of = stage_of_rule(config)
    typer.echo(f"{path}: made by {job.name} (stage {stage_of[job.rule]})")
    for line in explain(job, stage_of):
        typer.echo(line)
