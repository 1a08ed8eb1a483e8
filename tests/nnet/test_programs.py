"""train_nnet and nnet_loglikes from the command line, on archives made here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.io.archive import read_matrices, write_int_vectors, write_matrices
from pipeline.io.json_lines import write_json_lines
from pipeline.io.rejects import read_rejects
from tests.nnet.toy_data import NUM_PDFS, options, toy_task
from tests.nnet.toy_hmm import toy_hmm

REPOSITORY = Path(__file__).parents[2]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"pipeline.bin.{program}", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)


def write_set(folder: Path, features: FeatureSet) -> None:
    """A set as the features stage leaves it; the CMVN changes nothing."""
    blocks = [features.utterance(i) for i in range(features.num_utterances)]
    pairs = zip(features.utterance_ids, blocks, strict=True)
    write_matrices(folder / "feats.ark", folder / "feats.scp", pairs)
    places = dict(
        line.split(maxsplit=1) for line in (folder / "feats.scp").read_text().splitlines()
    )
    write_json_lines(
        folder / "cuts.jsonl.gz",
        [
            {
                "id": name,
                "supervisions": [{"speaker": speaker, "text": text}],
                "features": {
                    "num_frames": len(block),
                    "num_features": features.dim,
                    "storage_path": places[name],
                },
            }
            for name, speaker, text, block in zip(
                features.utterance_ids, features.speakers, features.texts, blocks, strict=True
            )
        ],
    )
    centred = features.frames - features.frames.mean(axis=0)
    stats = compute_cmvn(centred, features.offsets, features.speakers)
    write_cmvn(folder / "cmvn.ark", stats)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Cuts, CMVN, an alignment without the first utterance, hmm.json."""
    task, _ = toy_task(12, spread=0.3)
    features = task.features
    write_set(tmp_path, features)
    hmm = toy_hmm()
    hmm.save(tmp_path / "hmm.json")
    first_id = {int(hmm.transitions.pdf_of[i]): i for i in range(12, 0, -1)}
    ids = np.array([first_id[int(pdf)] for pdf in task.pdfs])
    write_int_vectors(
        tmp_path / "ali.ark",
        tmp_path / "ali.scp",
        [
            (name, ids[features.offsets[i] : features.offsets[i + 1]])
            for i, name in enumerate(features.utterance_ids)
            if i > 0
        ],
    )
    return tmp_path


def train_arguments(stage: Path, **changes: object) -> list[object]:
    given = {
        "cuts": stage / "cuts.jsonl.gz",
        "cmvn": stage / "cmvn.ark",
        "alignment": stage / "ali.scp",
        "hmm": stage / "hmm.json",
        "options": options().model_dump_json(),
        "seed": 1,
        "output-dir": stage / "lstm",
        **changes,
    }
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def test_train_then_log_likelihoods(stage: Path) -> None:
    done = run("train_nnet", *train_arguments(stage))
    assert done.returncode == 0, done.stderr
    assert "1 of 12 utterances have no alignment" in done.stderr
    assert "epoch 4: loss" in done.stderr
    net = stage / "lstm"
    assert [reject.utterance_id for reject in read_rejects(net / "rejected.tsv")] == ["u000"]
    assert (net / "hmm.json").read_bytes() == (stage / "hmm.json").read_bytes()
    done = run(
        "nnet_loglikes",
        *("--cuts", stage / "cuts.jsonl.gz", "--cmvn", stage / "cmvn.ark", "--model-dir", net),
        *("--output-ark", stage / "loglikes.ark", "--output-scp", stage / "loglikes.scp"),
    )
    assert done.returncode == 0, done.stderr
    task, _ = toy_task(12, spread=0.3)
    results = dict(read_matrices(stage / "loglikes.scp"))
    assert list(results) == task.features.utterance_ids
    for i, name in enumerate(task.features.utterance_ids):
        assert results[name].shape == (task.features.lengths[i], NUM_PDFS)


def test_mistakes_are_one_line(stage: Path) -> None:
    write_int_vectors(stage / "bad.ark", stage / "bad.scp", [("u003", np.array([1, 1]))])
    done = run("train_nnet", *train_arguments(stage, alignment=stage / "bad.scp"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {stage / 'bad.scp'}: u003: 2 frames aligned")
    assert done.stderr.count("\n") == 1
    done = run("train_nnet", *train_arguments(stage, options='{"alignment": "mono", "layers": 2}'))
    assert done.returncode == 1
    assert done.stderr.startswith("error: --options: layers: ")
    assert done.stderr.count("\n") == 1
