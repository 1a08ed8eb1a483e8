"""The demo recipe made so small that all of its stages run in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline.workflow import program_environment

SHORT = "num_iterations: 5, realign_iterations: [1, 2, 3, 4], max_increase_iteration: 4"
TIED = f"{SHORT}, num_leaves: 60, num_gaussians: 150"
CHANGES = (
    "corpus.options={num_train: 40, num_test: 6, num_test_voices: 2, max_digits: 3}",
    "features.num_shards=2",
    f"gmm.mono={{{SHORT}, num_gaussians: 100}}",
    f"gmm.tri1={{{TIED}}}",
    f"gmm.tri2b={{{TIED}, mllt_iterations: [2]}}",
    f"gmm.tri3b={{{TIED}, fmllr_iterations: [2]}}",
    "nnet.lstm.model={num_layers: 1, hidden_dim: 16}",
    "nnet.lstm.training={num_epochs: 2, average_last: 1}",
    "nnet.lstm.augment={speed_factors: [0.9]}",
    "decode={beam: 30, lattice_beam: 4, lm_weights: [10, 12], insertion_penalties: [0]}",
)
FEW = ("gmm.tri1=null", "gmm.tri2b=null", "gmm.tri3b=null", "nnet=null")  # the first rung alone
NUM_WORDS = 18  # of the test set: 6 utterances of 3 digits


def hybrid(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command `hybrid` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=folder,
        env={**os.environ, **program_environment(os.environ, conda=False)},
        capture_output=True,
        text=True,
        check=False,
    )


def compare(root: Path, other: Path) -> tuple[list[str], list[str]]:
    """Results of a run that have the same bytes in another run, and those that have not.

    Logs, the report and two files that hold times are no results; the parts of a search neither.
    """
    alike: list[str] = []
    different: list[str] = []
    for path in sorted(root.rglob("*")):
        below = path.relative_to(root)
        timed = path.name in ("log.jsonl", "graph.json", "config.json")
        if {"logs", "benchmarks", "report", "shards"} & {*below.parts} or timed:
            continue
        if path.is_file():
            twin = other / below
            same = twin.is_file() and twin.read_bytes() == path.read_bytes()
            (alike if same else different).append(str(below))
    return alike, different


def run_toy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hybrid run` of the toy recipe."""
    settings = [word for change in CHANGES for word in ("--set", change)]
    return hybrid(folder, "run", "demo", "--jobs", "2", *settings, *arguments)
