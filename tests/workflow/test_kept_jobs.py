"""pipeline/cli/kept_jobs.py: a kept answer is never another than Snakemake's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import kept_jobs
from pipeline.cli.arguments import read_recipe
from pipeline.cli.dag import ask_snakemake, read_jobs
from pipeline.cli.job_state import JobState
from pipeline.cli.kept_jobs import KeptJobs
from pipeline.config import Config
from pipeline.workflow import program_environment
from tests.workflow.snakemake_program import run_snakemake

SMALL = ["models=[mono]", "decode.decoders=[kaldi]"]
MEAN = "exp/demo/official/data/train/cmvn.ark"
RECORDS = Path(".snakemake/metadata")


def recipe(*changes: str) -> tuple[Config, dict[str, Any]]:
    return read_recipe("demo", [*SMALL, *changes])


def rows(jobs: list[JobState] | None) -> list[dict[str, Any]] | None:
    """Jobs with the places of those that they name, so that they can be compared."""
    if jobs is None:
        return None
    place = {id(job): number for number, job in enumerate(jobs)}
    links = ("needs", "from_jobs")
    return [
        {**vars(job), **{name: [place[id(other)] for other in vars(job)[name]] for name in links}}
        for job in jobs
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose stages up to the HMM of monophones are there, with Snakemake's records of them.

    The files hold their names: Snakemake takes any bytes for a result.
    """
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for job in ask_snakemake(*recipe()):
            for file in job.outputs:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
                Path(file).write_text(file)
    done = run_snakemake(
        folder, "until_mono", "--touch", "--forceall", "--cores", "2", "--config", "recipe=demo",
        "models=[mono]", 'decode={"decoders": ["kaldi"]}'
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the current folder; files need not be two seconds old to be relied upon."""
    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setattr(kept_jobs, "MIN_AGE_NS", 0)
    return tmp_path / "run"


def write(path: str | Path, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def mark_unfinished() -> None:
    """As Snakemake does while it writes a file."""
    name = urlsafe_b64encode(b"exp/demo/lang/lang.json").decode()
    shutil.copy(RECORDS / name, Path(".snakemake/incomplete") / name)


def forget_records() -> None:
    for path in RECORDS.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "rules"),  # what is done, and rules that the answer says run after it
    [
        (lambda: Path(MEAN).unlink(), {"compute_cmvn", "train_mono"}),
        (lambda: shutil.rmtree("exp/demo/lang"), {"prepare_lang", "train_mono"}),
        (lambda: write("exp/demo/data/lexicon.txt", "another"), {"prepare_lang", "train_mono"}),
        (lambda: write("exp/demo/data/lexicon.txt", "exp/demo/data/lexicon.txt"), set()),
        (lambda: os.utime(MEAN), set()),
        (mark_unfinished, {"prepare_lang", "train_mono"}),
        (forget_records, set()),
    ],
)
def test_after_any_change_the_answer_is_snakemakes(
    run: Path, change: Callable[[], None], rules: set[str]
) -> None:
    first = read_jobs(*recipe())
    assert not any(job.runs for job in first if job.rule == "train_mono")
    assert rows(KeptJobs(*recipe()).read()) == rows(first) == rows(ask_snakemake(*recipe()))
    change()
    assert KeptJobs(*recipe()).read() is None
    second = read_jobs(*recipe())
    assert rows(second) == rows(ask_snakemake(*recipe()))
    assert rules <= {job.rule for job in second if job.runs}
    assert ("train_mono" in {job.rule for job in second if job.runs}) == bool(rules)


def test_what_a_stopped_run_left_unfinished_is_stale(run: Path) -> None:
    mark_unfinished()
    (lang,) = [job for job in read_jobs(*recipe()) if job.rule == "prepare_lang"]
    assert lang.causes == ["left unfinished by a run that was stopped: exp/demo/lang/lang.json"]


def test_another_configuration_is_another_question(run: Path) -> None:
    read_jobs(*recipe())
    other = recipe("lang.silence_probability=0.3")
    assert KeptJobs(*other).read() is None
    (lang,) = [job for job in read_jobs(*other) if job.rule == "prepare_lang"]
    assert lang.causes == ["changed options: silence_probability 0.5 → 0.3"]
    assert KeptJobs(*other).read() is not None
    assert KeptJobs(*recipe()).read() is None  # one answer is kept, the last


def test_the_key_follows_rules_code_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("Snakefile", "pipeline/rules/a.smk", "pipeline/b.py", "local/c.py", "recipes/d/e.yaml")
    for name in (*names, "pipeline/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(name, "one")
    keys = [KeptJobs(*recipe(), tmp_path).key]
    write("pipeline/README.md", "two")
    assert KeptJobs(*recipe(), tmp_path).key == keys[0]
    for name in names:
        write(name, "two")
        keys.append(KeptJobs(*recipe(), tmp_path).key)
    write("pipeline/new.py", "")
    keys.append(KeptJobs(*recipe(), tmp_path).key)
    monkeypatch.setattr(kept_jobs, "version", lambda name: "0")
    keys.append(KeptJobs(*recipe(), tmp_path).key)
    assert len(set(keys)) == len(keys)


def test_a_file_younger_than_the_clock_can_tell_is_not_relied_upon(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_jobs, "MIN_AGE_NS", 10**15)
    read_jobs(*recipe())
    assert not kept_jobs.FOLDER.exists()


@pytest.mark.parametrize("keep", [0, 100])
def test_a_damaged_answer_is_none(run: Path, keep: int) -> None:
    read_jobs(*recipe())
    path = KeptJobs(*recipe()).path
    write(path, path.read_text(encoding="utf-8")[:keep])
    assert KeptJobs(*recipe()).read() is None
    read_jobs(*recipe())
    assert KeptJobs(*recipe()).read() is not None


def test_a_kept_answer_needs_no_snakemake(run: Path) -> None:
    read_jobs(*recipe())
    words = ["stages", "demo", *(word for setting in SMALL for word in ("--set", setting))]
    code = (
        "import sys; from pipeline.cli import app;"
        f"app({words}, standalone_mode=False);"
        "print(sorted(name for name in sys.modules if name.startswith('snakemake.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **program_environment(os.environ, conda=False)},
        capture_output=True,
        text=True,
        check=True,
    )
    *table, modules = done.stdout.splitlines()
    assert any(line.split()[:2] == ["mono", "done"] for line in table)
    assert modules == "[]"
