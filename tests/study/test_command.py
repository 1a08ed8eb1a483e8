"""`hybrid study`: the command that it runs, on this machine and on a cluster, and its plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app, study
from pipeline.study.design import load_study
from pipeline.study.results import stored_file, write_stored
from pipeline.workflow import REPOSITORY
from tests.workflow.snakemake_program import run_snakemake

SNAKEFILE = REPOSITORY / "recipes" / "clipping_study" / "Snakefile"


def command_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> list[str]:
    """What `hybrid study clipping_study` hands to the shell, after `python -m snakemake`."""
    commands: list[list[str]] = []

    def record(command: Sequence[str], environment: Mapping[str, str]) -> int:
        commands.append(list(command))
        return 0

    monkeypatch.setattr(study, "run_to_end", record)
    monkeypatch.chdir(REPOSITORY)
    result = CliRunner().invoke(app, ["study", "clipping_study", *options])
    assert result.exit_code == 0, result.output
    (command,) = commands
    assert command[1:3] == ["-m", "snakemake"]
    return command[3:]


def test_a_cluster_gets_jobs_and_no_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_of(monkeypatch, "--jobs", "3") == [
        *("--snakefile", str(SNAKEFILE), "--cores", "3"),
        *("--config", "small=false", "shares=1"),
    ]
    options = ("--profile", "cluster", "--jobs", "5", "--shares", "4", "--threads", "2")
    assert command_of(monkeypatch, *options) == [
        *("--snakefile", str(SNAKEFILE), "--workflow-profile", "profiles/cluster", "--jobs", "5"),
        *("--config", "small=false", "shares=4", "threads=2"),
    ]


def test_no_such_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "run_to_end", lambda *_: pytest.fail("it was run"))
    result = CliRunner().invoke(app, ["study", "clipping_study", "--profile", "pbs"])
    assert result.exit_code != 0
    assert "--profile pbs: no such folder" in result.output


# A scheduler of another machine, which says what it is asked for and runs nothing.
SCHEDULER = """
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False
)


class Executor(RemoteExecutor):
    def run_job(self, job):
        print(f"asked for {job.name}: {job.threads} threads", flush=True)
        self.report_job_error(SubmittedJobInfo(job))

    async def check_active_jobs(self, active_jobs):
        for job in active_jobs:
            yield job

    def cancel_jobs(self, active_jobs):
        pass
"""


@pytest.mark.parametrize(("settings", "threads"), [((), 1), (("threads=4",), 4)])
def test_threads_where_no_cores_are_known(
    settings: tuple[str, ...], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "plugins" / "snakemake_executor_plugin_elsewhere"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(SCHEDULER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(plugin.parent))
    inputs = tmp_path / "s" / "inputs"
    (inputs / "fsdd_theo").mkdir(parents=True)
    for made in ("fsdd_theo.recipe", "fsdd_theo/sets.npz"):
        (inputs / made).touch()
    outer = ("--snakefile", str(SNAKEFILE), "--executor", "elsewhere", "--jobs", "1")
    given = ("--config", "output=s", "small=true", *settings)
    result = run_snakemake(tmp_path, *outer, *given)
    assert f"asked for trainings: {threads} threads" in result.stdout, result.stderr


@pytest.mark.parametrize(("settings", "threads"), [(("shares=2",), 3), (("threads=5",), 5)])
def test_threads_of_a_share(settings: tuple[str, ...], threads: int, tmp_path: Path) -> None:
    done = ("small=true", "output=s", *settings)
    outer = ("--snakefile", str(SNAKEFILE), "-n", "-p", "--cores", "6", "--config", *done)
    result = run_snakemake(tmp_path, *outer)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"--jobs {threads} --output-dir s/small_runs" in result.stdout


def test_the_plan_tells_what_all_of_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recipes" / "toy"
    folder.mkdir(parents=True)
    grid = "grid: {network.clipping: [{method: none}, {method: norm}]}"
    (folder / "study.yaml").write_text(
        "title: T\nseeds: 2\nbase: {inputs: x, network: {}}\n"
        f"questions: {{one: {{asks: a, {grid}}}, two: {{asks: b, seeds: 3, {grid}}}}}\n",
        encoding="utf-8",
    )
    # Three of the six trainings: a mean of 100 s. Those of seed 3 are of the second question alone.
    cells = load_study(folder / "study.yaml").cells("two")
    kept = [cell.run_id for cell in cells if cell.seed == 1] + [cells[1].run_id]
    runs = {
        run_id: {"run_id": run_id, "train_cpu_seconds": spent}
        for run_id, spent in zip(kept, (30.0, 70.0, 200.0), strict=True)
    }
    write_stored(stored_file(folder), runs)
    monkeypatch.setattr(study, "REPOSITORY", tmp_path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["study", "toy", "--plan", "--jobs", "2"])
    assert result.exit_code == 0, result.output
    head, *rows = [re.split(r" {2,}", line.strip()) for line in result.output.splitlines()]
    assert head[-1] == "training from nothing, CPU"
    assert rows == [
        # 300 s are stored, the fourth training is taken for 100 s; to run: 1.2 * 100 s / 2.
        ["one", "4", "3", "1", "1 min 00 s", "6 min 40 s"],
        ["two", "2", "0", "2", "2 min 00 s", "3 min 20 s"],
        ["in all", "6", "3", "3", "3 min 00 s", "10 min 00 s"],
    ]
