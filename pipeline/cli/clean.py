"""`hybrid clean`: removes what can be made again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Changes, Recipe, fail, mistakes_as_lines, read_recipe
from pipeline.cli.dag import read_jobs
from pipeline.cli.job_state import stage_of_rule
from pipeline.cli.running import find_stage
from pipeline.config import RUN_FOLDERS, Config
from pipeline.io.quantities import size
from pipeline.workflow import stage_files

KEPT = "report"  # folder that stays unless --all is given


def run_parts(config: Config, everything: bool) -> list[Path]:
    """Folders and files that a run has made; others in its folder are somebody else's."""
    root = Path(config.root)
    names = [*RUN_FOLDERS, *config.splits, "config.json"]
    parts = [root / name for name in names if everything or name not in (KEPT, "config.json")]
    return [part for part in parts if part.exists() or part.is_symlink()]


def disk_usage(parts: Iterable[Path]) -> tuple[int, int]:
    """Files and bytes in folders and files; what links point to does not count."""
    number = total = 0
    for part in parts:
        inside = part.rglob("*") if part.is_dir() and not part.is_symlink() else [part]
        for path in inside:
            if path.is_file() and not path.is_symlink():
                number += 1
                total += path.stat().st_size
    return number, total


def clean(
    recipe: Recipe,
    stage: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Only this stage's results [default: all stages]."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The report too, which is kept otherwise.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    changes: Changes = None,
) -> None:
    """Remove a recipe's results that can be made again; say how much before.

    Corpora and downloads stay. Without --stage all but the report goes.

    Examples:

      hybrid clean demo

      hybrid clean fsdd --stage decode --yes
    """
    with mistakes_as_lines():
        config, tree = read_recipe(recipe, changes)
        if stage:
            for name in stage:
                find_stage(name, stage_files(config))
            stage_of = stage_of_rule(config)
            wanted = [job for job in read_jobs(config, tree) if stage_of[job.rule] in stage]
            parts = [Path(f) for job in wanted for f in job.outputs if Path(f).is_file()]
        else:
            parts = run_parts(config, everything)
        number, num_bytes = disk_usage(parts)
        if not number:
            typer.echo(f"{config.root}: nothing to remove")
            return
        what = f"{number} files, {size(num_bytes)}, in {config.root}"
        if not yes:
            if not sys.stdin.isatty():
                fail(f"{what}: not removed, for nobody can be asked; add --yes")
            if not typer.confirm(f"Remove {what}?"):
                typer.echo("nothing removed")
                return
        for part in parts:
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()
    typer.echo(f"removed {what}")
    left = Path(config.root)
    if everything and left.is_dir() and not any(left.iterdir()):
        left.rmdir()
