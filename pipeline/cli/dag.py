"""What Snakemake knows of a run, asked in this process: all jobs, and why each would run again."""

from __future__ import annotations

import ast
import gc
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.cli.job_state import JobState
from pipeline.cli.kept_jobs import KeptJobs
from pipeline.cli.missing_inputs import explain_missing_inputs
from pipeline.cli.running import snakemake_settings
from pipeline.code_digest import changed_modules
from pipeline.config import Config
from pipeline.io.errors import UserError, one_line
from pipeline.workflow import REPOSITORY, known_recipes

MAX_CHECKSUM_SIZE = 1_000_000_000  # bytes; as in profiles/default
NUM_NAMED = 3  # files or options that a reason names; the rest is counted
VALUE_WIDTH = 40  # characters of an option's value in a reason
CODE_CACHE = REPOSITORY / ".snakemake" / "code.json"  # as in the Snakefile
CODE_PARAM = "code"  # of every rule: digest of the code that its program reaches


def read_jobs(config: Config, changes: dict[str, Any], rerun: Sequence[str] = ()) -> list[JobState]:
    """All jobs of a recipe, earlier before later ones.

    Args:
        changes: tree of --set.
        rerun: rules that are to run again.
    Raises:
        UserError: Snakemake cannot build the graph of jobs.
    """
    if rerun:
        return ask_snakemake(config, changes, rerun)
    kept = KeptJobs(config, changes)
    jobs = kept.read()
    if jobs is None:
        jobs = ask_snakemake(config, changes)
        kept.write(jobs)
    return jobs


def ask_snakemake(
    config: Config, changes: dict[str, Any], rerun: Sequence[str] = ()
) -> list[JobState]:
    """As `read_jobs`, always from Snakemake itself."""
    with _no_garbage_collection():
        return _ask(config, changes, rerun)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """To import Snakemake and to build a graph makes none, but looking for it takes a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _ask(config: Config, changes: dict[str, Any], rerun: Sequence[str]) -> list[JobState]:
    # Half a second of imports that no other command needs.
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import RuleException, WorkflowError
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        ResourceSettings,
    )

    logging.getLogger("snakemake").setLevel(logging.CRITICAL)
    output = OutputSettings(
        quiet={Quietness.ALL},
        dryrun=True,
        enable_file_logging=False,
        log_level_override=logging.CRITICAL,
    )
    try:
        with SnakemakeApi(output) as api:
            workflow_api = api.workflow(
                resource_settings=ResourceSettings(cores=os.cpu_count() or 1),
                config_settings=ConfigSettings(config=_as_snakemake_reads(config, changes)),
                snakefile=REPOSITORY / "Snakefile",
            )
            workflow_api.dag(
                DAGSettings(
                    force_incomplete=True,
                    forcerun=frozenset(rerun),
                    max_checksum_file_size=MAX_CHECKSUM_SIZE,
                )
            )
            workflow = workflow_api._workflow
            workflow._prepare_dag(forceall=False, ignore_incomplete=False, lock_warn_only=True)
            workflow._build_dag()
            return _states(workflow)
    except (RuleException, WorkflowError) as error:
        known = explain_missing_inputs(str(error), known_recipes())
        raise UserError(known or one_line(error)) from None


def _as_snakemake_reads(config: Config, changes: dict[str, Any]) -> dict[str, Any]:
    """--config through Snakemake's own parser, since numbers inside mappings become text there."""
    if not changes:
        return {"recipe": config.recipe}
    from snakemake.cli import parse_config

    parsed: dict[str, Any] = parse_config(snakemake_settings(config.recipe, changes))
    return parsed


def _states(workflow: Any) -> list[JobState]:
    dag = workflow.dag
    running = set(dag.needrun_jobs())
    states: dict[Any, JobState] = {}
    for level in dag.toposorted():
        for job in sorted(level, key=lambda job: (job.rule.name, str(job.wildcards_dict))):
            if not job.output:
                continue  # the target `all`
            needed = [states[other] for other in dag.dependencies[job] if other in states]
            state = states[job] = JobState(
                rule=job.rule.name,
                wildcards={k: str(v) for k, v in job.wildcards_dict.items()},
                inputs=[str(file) for file in job.input],
                outputs=[str(file) for file in job.output],
                log=str(job.log[0]) if job.log else None,
                benchmark=str(job.benchmark) if job.benchmark else None,
                threads=int(job.threads),
                mem_mb=_whole(job.resources.get("mem_mb")),
                runs=job in running,
                needs=sorted(needed, key=lambda other: other.name),
            )
            if state.runs:
                unfinished = dag.forcefiles.intersection(job.output)
                state.causes = list(_causes(workflow.persistence, job, dag.reason(job), unfinished))
                state.from_jobs = [other for other in state.needs if other.runs]
    return list(states.values())


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _causes(persistence: Any, job: Any, reason: Any, unfinished: set[Any]) -> Iterator[str]:
    """What is wrong with the job's own files, options and code, in the order of their weight."""
    if reason.forced and not unfinished:
        yield "asked for"
    missing = sorted(str(file) for file in job.output if not Path(file).is_file())
    if missing:
        yield f"missing: {_named(missing)}"
    if unfinished:
        yield f"left unfinished by a run that was stopped: {_named(unfinished)}"
    updated = reason.updated_input - reason.updated_input_run
    if updated:
        yield f"changed input: {_named(updated)}"
    if missing:
        return  # records of files that are gone say nothing
    known = [file for file in job.output if persistence.metadata(file) is not None]
    if any(persistence.input_changed(job)):
        yield from _changed_inputs(persistence, job, known)
    changed = persistence.params_changed(job)
    if changed:
        params = job.params._allitems()
        named = {name: _written(persistence, value) for name, value in params if name}
        causes = list(changed_options(named, changed.only_new, changed.only_old))
        yield from causes or ["changed options"]
    if any(persistence.code_changed(job)):
        yield f"changed command of the rule {job.rule.name}"
    if any(persistence.software_stack_changed(job)):
        yield "changed list of packages (environment.yml)"


def _changed_inputs(persistence: Any, job: Any, known: list[Any]) -> Iterator[str]:
    now = {str(file) for file in job.input}
    before = {file for output in known for file in persistence.input(output) or ()}
    if now - before:
        yield f"new input: {_named(now - before)}"
    if before - now:
        yield f"input no longer used: {_named(before - now)}"


def _written(persistence: Any, value: Any) -> str:
    return str(persistence._serialize_param(value))


def changed_options(now: dict[str, str], added: set[str], removed: set[str]) -> Iterator[str]:
    """Describe changed parameters of a rule.

    Args:
        now: name of each parameter -> its value, as Snakemake records it (Python's repr).
        added: values that were not recorded; Snakemake keeps no names with the recorded ones.
        removed: recorded values that are no longer there.
    """
    old = [_value(text) for text in sorted(removed)]
    new = {name: _value(text) for name, text in now.items() if text in added}
    mappings = [value for value in old if isinstance(value, dict)]
    others = [value for value in old if not isinstance(value, dict)]
    for name, value in new.items():
        if name == CODE_PARAM:
            digests = [other for other in others if _is_digest(other)]
            if digests:
                others.remove(digests[0])
                modules = changed_modules(CODE_CACHE, digests[0], value)
                yield f"changed code: {_named(modules)}" if modules else "changed code"
        elif isinstance(value, dict):
            same = [other for other in mappings if other.keys() & value.keys()]
            if same:
                nearest = min(same, key=lambda other: len(_differences(other, value)))
                mappings.remove(nearest)
                yield f"changed {name}: {_named(_differences(nearest, value))}"
        elif len(others) == 1:
            yield f"changed {name}: {_short(others[0])} → {_short(value)}"


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 16 and not set(value) - set("0123456789abcdef")


def _value(text: str) -> Any:
    """A recorded parameter: JSON options as a mapping, all else as it was."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [
        f"{key} {_short(before)} → {_short(after)}"
        for key, before, after in _leaves(old, new)
        if before != after
    ]


NOTHING = "(not set)"


def _leaves(old: Any, new: Any, above: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            name = f"{above}.{key}" if above else str(key)
            yield from _leaves(old.get(key, NOTHING), new.get(key, NOTHING), name)
    else:
        yield above, old, new


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"


def _named(things: Iterable[Any]) -> str:
    listed = sorted(str(thing) for thing in things)
    more = len(listed) - NUM_NAMED
    shown = ", ".join(listed[:NUM_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
