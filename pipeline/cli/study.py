"""`hybrid study`: many small trainings that answer questions, and the page of their answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Profile, mistakes_as_lines
from pipeline.cli.running import executor_options
from pipeline.cli.stopping import run_to_end
from pipeline.cli.tables import echo_table
from pipeline.io.errors import UserError
from pipeline.io.quantities import duration
from pipeline.workflow import REPOSITORY, program_environment

PLAN = ("question", "trainings", "stored", "to run", "time", "training from nothing, CPU")


def study(
    name: Annotated[str, typer.Argument(help="A folder of recipes/ with a study.yaml.")],
    small: Annotated[bool, typer.Option("--small", help="The short form.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would run and how long.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings side by side [default: all cores].")
    ] = None,
    profile: Profile = None,
    shares: Annotated[
        int, typer.Option(min=1, help="Jobs of a cluster that share the trainings.")
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trainings side by side in each share [default: its part of the cores; 1 with "
            "--profile].",
        ),
    ] = None,
) -> None:
    """Run a study's trainings that have no result yet, then write its page.

    Stop it whenever you like: what is finished stays.

    Examples:

      hybrid study clipping_study --plan

      hybrid study clipping_study --small --jobs 2

      hybrid study clipping_study --profile slurm --shares 20
    """
    folder = REPOSITORY / "recipes" / name
    with mistakes_as_lines():
        if not (folder / "study.yaml").is_file():
            known = sorted(p.parent.name for p in REPOSITORY.glob("recipes/*/study.yaml"))
            raise UserError(f"study {name}: no such study; known are {', '.join(known)}")
        if plan:
            rows = _plan(folder, small, jobs or os.cpu_count() or 1)
            echo_table(PLAN, rows, right=(1, 2, 3, 4, 5), header_in_files=True)
            return
        command = _command(folder, small, jobs, profile, shares, threads)
    environment = {**os.environ, **program_environment(os.environ, conda=False)}
    status = run_to_end(command, environment)
    if status:
        raise typer.Exit(status)
    page = Path("exp", name, "small") if small else folder
    typer.echo(f"{page / 'README.md'} is written")


def _command(
    folder: Path,
    small: bool,
    jobs: int | None,
    profile: str | None,
    shares: int,
    threads: int | None,
) -> list[str]:
    """Snakemake with the study's Snakefile.

    Raises:
        ConfigError: there is no such profile.
    """
    settings = [f"small={str(small).lower()}", f"shares={shares}"]
    if threads is not None:
        settings.append(f"threads={threads}")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(folder / "Snakefile")]
    return [*command, *executor_options(profile, jobs), "--config", *settings]


def _plan(folder: Path, small: bool, jobs: int) -> list[list[str]]:
    """Trainings by question: planned, stored, the time that the rest would take, the cost of all.

    The last column is CPU time of the trainings alone, as the stored runs have it (of one that is
    not stored, their mean); searching the test sets comes on top. A training that several questions
    share counts in the first. The last row is of all questions.
    """
    from pipeline.study.design import load_study
    from pipeline.study.results import read_stored, result_file, stored_file

    planned = load_study(folder / "study.yaml").plan(small)
    stored = read_stored(stored_file(folder))
    results = Path("exp") / folder.name / ("small_runs" if small else "full_runs")
    seconds = {i: r["train_cpu_seconds"] for i, r in stored.items() if "train_cpu_seconds" in r}
    each = sum(seconds.values()) / len(seconds) if seconds else 12.5
    searched = 1.2  # decoding is a fifth more
    counts: list[tuple[str, int, int, int, float]] = []
    counted: set[str] = set()
    for name, cells in planned.items():
        ids = {cell.run_id for cell in cells} - counted
        counted |= ids
        missing = ids if small else ids - stored.keys()
        todo = sum(not result_file(results, run_id).is_file() for run_id in missing)
        cost = sum(seconds.get(run_id, each) for run_id in ids)
        counts.append((name, len(ids), len(ids & stored.keys()), todo, cost))
    _, *columns = zip(*counts, strict=True)
    counts.append(("in all", *(sum(column) for column in columns)))
    one = searched * each / jobs
    return [
        [name, str(num), str(kept), str(todo), duration(todo * one), duration(cost)]
        for name, num, kept, todo, cost in counts
    ]
