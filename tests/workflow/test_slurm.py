"""The same recipes on a real Slurm as on this machine: the same bytes (make test-slurm)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
