"""`hybrid align` and `hybrid report`: one result of a recipe, by the programs of its stages."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.arguments import Changes, Recipe, mistakes_as_lines, read_recipe
from pipeline.cli.published_costs import write_costs
from pipeline.cli.run import show_results
from pipeline.cli.running import run_snakemake, snakemake_command
from pipeline.config import ConfigError
from pipeline.io.atomic import write_text
from pipeline.report.readme_table import with_table
from pipeline.workflow import REPOSITORY, program_environment, shown, to_json

ALIGNMENT_FILES = ("words.ctm", "phones.ctm", "textgrids.zip", "supervisions.jsonl.gz")


def align(
    recipe: Recipe,
    rung: Annotated[
        str | None, typer.Option(metavar="RUNG", help="A GMM rung [default: the last].")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processor cores [default: all].")] = None,
    changes: Changes = None,
) -> None:
    """Align a recipe's training speech, and say where words and phones with their times are.

    Trains what is missing. Writes CTM, Praat TextGrids and lhotse supervisions, and scores.tsv with
    the utterances that fit their transcripts worst.

    Examples:

      hybrid align fsdd

      hybrid align mine --rung tri1
    """
    with mistakes_as_lines():
        config, tree = read_recipe(recipe, changes)
        chosen = rung or list(config.gmm)[-1]
        if chosen not in config.gmm:
            raise ConfigError(f"--rung {chosen}: unknown; the rungs are {', '.join(config.gmm)}")
        folders = [Path(config.root, split, chosen, "alignment") for split in config.trained_splits]
        targets = [str(folder / name) for folder in folders for name in ALIGNMENT_FILES]
        command = snakemake_command(config, tree, files=targets)
    command += ["--cores", str(jobs or "all")]
    typer.echo(f"$ {shlex.join(command)}")
    with mistakes_as_lines():
        status = run_snakemake(command, config.root, dry_run=False, verbose=False)
    if status:
        raise typer.Exit(status)
    for folder in folders:
        typer.echo(f"{folder}: {', '.join(ALIGNMENT_FILES)}, scores.tsv")


def report(
    recipe: Recipe,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish",
            help="Write RESULTS.md, and README.md's table, into the recipe's folder too.",
        ),
    ] = False,
    changes: Changes = None,
) -> None:
    """Make the report of what a run has so far, finished or not; print its error rates.

    Examples:

      hybrid report fsdd

      hybrid report fsdd --set output=elsewhere

      hybrid report fsdd --publish
    """
    with mistakes_as_lines():
        config, _ = read_recipe(recipe, changes)
        root = Path(config.root)
        if not root.is_dir():
            raise ConfigError(f"{root}: no run there; start it with: hybrid run {recipe}")
        described = root / "report" / "config.json"
        write_text(described, to_json(config) + "\n")
    status = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline.bin.make_report"),
            *("--root", str(root), "--config", str(described)),
            *("--output-dir", str(root / "report")),
        ],
        env={**os.environ, **program_environment(os.environ, conda=False)},
        check=False,
    ).returncode
    if status:
        raise typer.Exit(status)
    show_results(config)
    if publish:
        folder = REPOSITORY / "recipes" / config.recipe
        with mistakes_as_lines():
            results = json.loads((root / "report" / "results.json").read_text(encoding="utf-8"))
            page = _to_publish(results, root, recipe, changes or [])
        write_text(folder / "RESULTS.md", page)
        write_costs(folder, results["stages"])
        readme = folder / "README.md"
        if readme.is_file():
            write_text(readme, with_table(readme.read_text(encoding="utf-8"), page))
        typer.echo(f"published: {shown(folder / 'RESULTS.md')}")


def _to_publish(results: dict[str, Any], root: Path, recipe: str, changes: list[str]) -> str:
    """RESULTS.md of a run that has been scored, with the options that it was made with.

    Where it lies is left out: that says nothing of the results, and the page is for others.
    """
    if not results["wer"] and not results["whole_words"]:
        raise ConfigError(
            f"{root}: nothing of this configuration has been scored, so nothing is published; "
            "give the --set options of the run, or run the recipe"
        )
    written = (root / "report" / "RESULTS.md").read_text(encoding="utf-8")
    told = [change for change in changes if not change.startswith("output=")]
    options = "".join(f" --set {shlex.quote(change)}" for change in told)
    return written.replace(f"`hybrid report {recipe} ", f"`hybrid report {recipe}{options} ", 1)
