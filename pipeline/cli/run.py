"""`hybrid run`: from the corpus to the report, or a part of it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.arguments import Changes, Profile, Recipe, mistakes_as_lines, read_recipe
from pipeline.cli.dag import read_jobs
from pipeline.cli.running import executor_options, run_snakemake, snakemake_command
from pipeline.config import Config
from pipeline.workflow import program_environment


def run(
    recipe: Recipe,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Run this stage and all later ones again; earlier ones only where their results "
            "are missing or out of date.",
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="STAGE", help="Run no later stage.")
    ] = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force", metavar="STAGE", help="Run this stage again, and what follows from it."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processor cores to use [default: all].")
    ] = None,
    profile: Profile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would run.")
    ] = False,
    changes: Changes = None,
    verbose: Annotated[bool, typer.Option(help="Show all that Snakemake says.")] = False,
) -> None:
    """Run a recipe, or what of it is missing or out of date.

    Examples:

      hybrid run demo --jobs 2

      hybrid run fsdd --from graph --set decode.beam=12

      hybrid run fsdd --until align --dry-run
    """
    with mistakes_as_lines():
        config, tree = read_recipe(recipe, changes)
        command = snakemake_command(config, tree, first, last, force)
        command += executor_options(profile, jobs) + (["--dry-run"] if dry_run else [])
    typer.echo(f"$ {shlex.join(command)}")
    with mistakes_as_lines():
        causes = {} if verbose else _causes(config, tree)
        status = run_snakemake(command, config.root, dry_run, verbose, causes)
    if status:
        raise typer.Exit(status)
    if not dry_run and last in (None, "report"):
        show_results(config)


def _causes(config: Config, changes: dict[str, Any]) -> dict[str, str]:
    """Job -> which options, files or code have changed, if the run has begun."""
    if not Path(config.root).is_dir():
        return {}
    return {job.name: "; ".join(job.causes) for job in read_jobs(config, changes) if job.causes}


def show_results(config: Config) -> None:
    """Print the table of word error rates, and where the report lies."""
    subprocess.run(
        [sys.executable, "-m", "pipeline.bin.print_results", f"{config.root}/report/results.json"],
        env={**os.environ, **program_environment(os.environ, conda=False)},
        check=False,
    )
