"""The demo recipe made so small that all of its stages run in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline.workflow import program_environment

CHANGES = (
    "corpus.options={num_train: 30, num_test: 6, num_test_voices: 2, max_digits: 3}",
    "features.num_shards=2",
    "gmm.mono={num_iterations: 6, max_increase_iteration: 4, num_gaussians: 80}",
    "gmm.mono.realign_iterations=[1, 2, 3, 4, 5]",
    "nnet.lstm.model={num_layers: 1, hidden_dim: 16}",
    "nnet.lstm.training={num_epochs: 2, num_threads: 1}",
    # Beside the demo's network on adapted features, one on cepstra.
    "nnet.plain={alignment: mono, model: {num_layers: 1, hidden_dim: 16}}",
    "nnet.plain.training={num_epochs: 2, num_threads: 1}",
    "decode={beam: 20, lattice_beam: 4, lm_weights: [10, 12], insertion_penalties: [0]}",
)


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


def run_toy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hybrid run` of the toy recipe."""
    settings = [word for change in CHANGES for word in ("--set", change)]
    return hybrid(folder, "run", "demo", "--jobs", "2", *settings, *arguments)
