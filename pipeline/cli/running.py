"""Snakemake as `hybrid run` calls it: its command line, and its messages as one line a job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from pipeline.cli.clock import bring_back
from pipeline.cli.locking import sole_run
from pipeline.cli.missing_inputs import explain_missing_inputs
from pipeline.cli.progress import REASON_WIDTH, PlainLines, make_display
from pipeline.cli.stopping import STOPPED, passing_on, run_to_end
from pipeline.config import Config, ConfigError
from pipeline.io.errors import UserError
from pipeline.snakemake_messages import Failed, Finished, events
from pipeline.workflow import (
    REPOSITORY,
    known_recipes,
    program_environment,
    shown,
    stage_files,
    stage_rules,
)

NUM_LOG_LINES = 15  # shown of the log of a failed job that does not say what was wrong
MAX_SAID = 2000  # characters of Snakemake's last words that are shown
MIN_FREE_BYTES = 1 << 16
KNOWN_ENDS = {  # what Snakemake says -> what it means to the user
    "No space left on device": "the disk is full; make room (hybrid clean RECIPE) and run again: "
    "what is finished stays",
    "Read-only file system": "the folder cannot be written (read-only file system); mount it "
    "writable, or work in another folder",
    "Permission denied": "a file or folder cannot be written (permission denied); mend its "
    "permissions, or work in another folder",
    "Directory cannot be locked": "another Snakemake works in this folder; wait for it, or if none "
    "is left: snakemake --unlock",
}


def snakemake_settings(recipe: str, changes: dict[str, Any]) -> list[str]:
    """The words after --config: nested values as JSON."""
    values = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in changes.items()
    }
    return [f"recipe={recipe}", *(f"{key}={value}" for key, value in values.items())]


def find_stage(name: str, stages: dict[str, list[str]]) -> int:
    """Position of a stage.

    Raises:
        ConfigError: there is none of that name; lists all.
    """
    if name not in stages:
        raise ConfigError(f"stage {name}: unknown; the stages are {', '.join(stages)}")
    return list(stages).index(name)


def chosen_stages(
    config: Config, first: str | None, last: str | None, forced: list[str] | None
) -> tuple[list[str], list[str]]:
    """Stages up to the last, and rules that are to run again.

    Args:
        first: this stage and all later ones run again.
        last: no later stage runs.
        forced: these stages run again, and what follows from them.
    Raises:
        ConfigError: an unknown stage, or `first` comes after `last`.
    """
    stages = stage_files(config)
    names = list(stages)
    end = find_stage(last, stages) if last else len(names) - 1
    again = {find_stage(name, stages) for name in forced or []}
    if first:
        start = find_stage(first, stages)
        if start > end:
            raise ConfigError(
                f"--from {first} comes after --until {last}; the order is {', '.join(names)}"
            )
        again.update(range(start, end + 1))
    rules = [rule for i in sorted(again) for rule in stage_rules(config, names[i])]
    return names[: end + 1], rules


def snakemake_command(
    config: Config,
    changes: dict[str, Any],
    first: str | None = None,
    last: str | None = None,
    forced: list[str] | None = None,
    files: Sequence[str] = (),
) -> list[str]:
    """What to type to get the same from Snakemake, without the number of cores.

    Args:
        first, last, forced: as in `chosen_stages`.
        files: only these are wanted.
    Raises:
        ConfigError: an unknown stage, or `first` comes after `last`.
    """
    _, forcerun = chosen_stages(config, first, last, forced)
    elsewhere = Path.cwd() != REPOSITORY
    return [
        "snakemake",
        *([f"until_{last}"] if last else files),
        *(["--snakefile", str(REPOSITORY / "Snakefile")] if elsewhere else []),
        "--config",
        *snakemake_settings(config.recipe, changes),
        *(["--forcerun", *forcerun] if forcerun else []),
    ]


def executor_options(profile: str | None, jobs: int | None) -> list[str]:
    """Options for the machine or cluster that does the work.

    Raises:
        ConfigError: there is no such profile.
    """
    if profile is None:
        return ["--cores", str(jobs or "all")]
    for folder in (REPOSITORY / "profiles" / profile, Path(profile)):
        if (folder / "config.yaml").is_file():
            options = ["--workflow-profile", str(shown(folder))]
            return options + (["--jobs", str(jobs)] if jobs else [])
    known = sorted(path.parent.name for path in (REPOSITORY / "profiles").glob("*/config.yaml"))
    raise ConfigError(f"--profile {profile}: no such folder; known are {', '.join(known)}")


def why_failed(log: str | None) -> str:
    """What the log of a failed job says: its error line, or its end."""
    path = Path(log or "")
    lines = []
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines:  # on a full disk not even the reason could be written
        if log and path.parent.is_dir() and shutil.disk_usage(path.parent).free < MIN_FREE_BYTES:
            return "error: " + KNOWN_ENDS["No space left on device"]
        return f"{log} is empty" if path.is_file() else "it left no log"
    errors = [line for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else "\n".join([f"end of {log}:", *lines[-NUM_LOG_LINES:]])


def why_stopped(lines: Sequence[str]) -> str:
    """What Snakemake said last when it ended without a failed job: one line if it is known."""
    text = "".join(lines)
    for sign, meaning in KNOWN_ENDS.items():
        if sign in text:
            return meaning
    missing = explain_missing_inputs(text, known_recipes())
    if missing is not None:
        return missing
    return text.strip()[-MAX_SAID:] or "Snakemake ended without a word; run again with --verbose"


def _kept(lines: Iterable[str], copies: list[str]) -> Iterator[str]:
    for line in lines:
        copies.append(line)
        yield line


def check_root(root: str, make: bool) -> None:
    """The folder of a run can be there.

    Raises:
        UserError: a part of its path is no folder, or cannot be made.
    """
    path = Path(root)
    there = next(part for part in (path, *path.absolute().parents) if part.exists())
    if not there.is_dir():
        raise UserError(f"output {root}: {there} is no folder; choose another with --set output=")
    try:
        if make:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"output {root}: cannot be made ({error.strerror}); choose another folder with "
            "--set output=, or mend its permissions"
        ) from None


def run_snakemake(
    command: list[str],
    root: str,
    dry_run: bool,
    verbose: bool,
    causes: Mapping[str, str] | None = None,
) -> int:
    """Run it, one line a job; return its exit status.

    Args:
        root: folder of the run, which no other run may write at the same time.
        causes: job -> why it would run; in place of Snakemake's word that options have changed.
    Raises:
        UserError: another run does, or the folder cannot be there.
    """
    check_root(root, make=not dry_run)
    if dry_run:
        return _watch(command, {}, dry_run, verbose, causes or {})
    with sole_run(root, say=lambda text: typer.echo(text, err=True)) as variables:
        num_files = bring_back(Path(root))
        if num_files:
            typer.echo(
                f"{num_files} files in {root} were from the future; now they are not", err=True
            )
        return _watch(command, variables, dry_run, verbose, causes or {})


def _watch(
    command: list[str],
    variables: dict[str, str],
    dry_run: bool,
    verbose: bool,
    causes: Mapping[str, str],
) -> int:
    words = [sys.executable, "-m", *command]
    environment = {**os.environ, **program_environment(os.environ, conda=False), **variables}
    if verbose:
        return run_to_end(words, environment)
    others: list[str] = []  # what Snakemake said that is about no job: shown if it fails
    num_failed = num_jobs = num_done = 0
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**environment, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        with passing_on(process) as asked, PlainLines() if dry_run else make_display() as display:
            for event in events(_kept(process.stdout, others)):
                others.clear()
                event.job.explain(causes)
                if asked.to_stop:
                    continue
                if isinstance(event, Failed):
                    num_failed += 1
                    display.failed(event.job, why_failed(event.job.log))
                elif isinstance(event, Finished):
                    num_done += 1
                    display.finished(event)
                elif not dry_run:
                    display.started(event.job)
                elif event.job.log:
                    num_jobs += 1
                    reason = event.job.details.get("reason", "")
                    typer.echo(f"{event.job.name}: {textwrap.shorten(reason, REASON_WIDTH)}")
    if asked.to_stop:
        typer.echo("stopped; the same command goes on where it was", err=True)
        return STOPPED
    if process.returncode and not num_failed:
        typer.echo(f"error: {why_stopped(others)}", err=True)
    elif dry_run:
        typer.echo(f"{num_jobs} jobs would run" if num_jobs else "nothing to be done")
    elif not num_done and not num_failed:
        typer.echo("nothing to be done")
    return process.returncode
