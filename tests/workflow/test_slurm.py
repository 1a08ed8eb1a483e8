"""The same recipes on a real Slurm as on this machine: the same bytes (make test-slurm)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.workflow import REPOSITORY
from tests.workflow.toy_recipe import CHANGES, FEW, compare, hybrid

FSDD = (  # one split, one rung, one small network
    *("splits=[official]", "gmm.tri1=null", "gmm.tri2b=null", "gmm.tri3b=null"),
    *("nnet.blstm=null", "nnet.lstm.alignment=mono", "nnet.lstm.features=cepstra"),
    "nnet.lstm.model={num_layers: 1, hidden_dim: 32}",
    "nnet.lstm.training={num_epochs: 2, average_last: 1}",
    "gmm.mono={num_iterations: 8, realign_iterations: [1, 2, 4, 6], num_gaussians: 150}",
    *(
        "features.num_shards=4",
        "features.train_warps=[]",
        "decode={num_shards: 2, lm_weights: [10]}",
    ),
)


def run(
    folder: Path, recipe: str, changes: tuple[str, ...], *more: str
) -> subprocess.CompletedProcess[str]:
    """`hybrid run` up to the scores."""
    folder.mkdir()
    settings = [word for change in changes for word in ("--set", change)]
    return hybrid(folder, "run", recipe, "--until", "score", *settings, *more)


def jobs_of_slurm() -> int:
    """How many jobs the scheduler has had."""
    listed = subprocess.run(
        ["scontrol", "-o", "show", "job"], capture_output=True, text=True, check=True
    )
    return listed.stdout.count("JobId=")


@pytest.mark.needs("slurm")
@pytest.mark.parametrize("recipe", ["demo", "fsdd"])
def test_slurm_gives_the_bytes_of_a_local_run(
    recipe: str, tmp_path: Path, corpora_dir: Path
) -> None:
    changes = (*CHANGES, *FEW, "decode.num_shards=2") if recipe == "demo" else FSDD
    here, there = tmp_path / "here", tmp_path / "there"
    local = run(here, recipe, changes, "--jobs", "2")
    assert local.returncode == 0, local.stdout + local.stderr
    before = jobs_of_slurm()
    profile = tmp_path / "slurm"
    shutil.copytree(REPOSITORY / "profiles/slurm", profile)
    with (profile / "config.yaml").open("a") as settings:  # no accounting, one machine
        settings.write("slurm-status-command: squeue\n")
    cluster = run(there, recipe, changes, "--profile", str(profile), "--jobs", "4")
    assert cluster.returncode == 0, cluster.stdout + cluster.stderr
    submitted = jobs_of_slurm() - before
    alike, different = compare(there / "exp", here / "exp")
    print(f"{recipe}: {submitted} submissions, {len(alike)} files with the same bytes")
    assert different == []
    assert len(alike) == len(compare(here / "exp", there / "exp")[0]) > 30
    assert submitted > 5


@pytest.mark.needs("slurm")  # and so its plugins, which only `make test-slurm` installs
def test_any_scheduler_that_takes_scripts_will_do(tmp_path: Path) -> None:
    """The generic profile with a command of another's that runs what it is given."""
    submit = tmp_path / "submit"
    submit.write_text('#!/bin/sh\necho "$@" >> "$0.log"\nsh "$4" > /dev/null 2>&1 &\necho $!\n')
    submit.chmod(0o755)
    text = (REPOSITORY / "profiles/cluster/config.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    settings["cluster-generic-submit-cmd"] = f"{submit} {{threads}} {{resources.mem_mb}} jobs"
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    changes = (*CHANGES, *FEW)
    words = [word for change in changes for word in ("--set", change)]
    work = tmp_path / "work"
    work.mkdir()
    done = hybrid(
        work, "run", "demo", "--until", "data", *words, "--profile", str(tmp_path / "profile")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "exp/demo/data/supervisions.jsonl.gz").is_file()
    (asked,) = (tmp_path / "submit.log").read_text(encoding="utf-8").splitlines()
    assert asked.split()[:2] == ["2", "1000"]  # threads and memory of the rule
