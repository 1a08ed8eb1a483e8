"""Steps that stand out: told, saved within bounds, replayed exactly, the utterance named."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet import training_sets as sets_module
from pipeline.nnet.batches import Batch, FrameStore
from pipeline.nnet.clipping.base import ClippingStatistics
from pipeline.nnet.culprits import load_step, replay_step
from pipeline.nnet.spikes import MIN_HISTORY, SpikeDetector
from pipeline.nnet.train import train
from tests.nnet.toy_data import NUM_PDFS, options, toy_task

REPOSITORY = Path(__file__).parents[2]
BAD = "u011"
HUGE = -20.0  # features so large, and of the wrong sign, that the network is sure and wrong


class Poisoned(FrameStore):
    """Multiplies the features of one utterance, in some of its batches."""

    factor = math.nan
    times = 1
    after = 0  # batches before

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.utterance_ids = args[0].utterance_ids

    def pad(self, indices: Any) -> Batch:
        batch = super().pad(indices)
        if torch.is_inference_mode_enabled():  # held-out loss, normalisation
            return batch
        Poisoned.after -= 1
        names = [self.utterance_ids[i] for i in indices]
        if Poisoned.times == 0 or Poisoned.after > 0 or BAD not in names:
            return batch
        Poisoned.times -= 1
        features = batch.features.clone()
        features[names.index(BAD)] *= Poisoned.factor
        return replace(batch, features=features)


def poisoned_training(
    folder: Path, monkeypatch: pytest.MonkeyPatch, factor: float, times: int = 1, **sections: Any
) -> list[dict[str, Any]]:
    """Train with utterance BAD spoilt after some epochs; gives the lines of steps.jsonl."""
    Poisoned.factor, Poisoned.times, Poisoned.after = factor, times, 50
    monkeypatch.setattr(sets_module, "FrameStore", Poisoned)
    task, _ = toy_task()
    training = {"num_epochs": 12, "spike_factor": 3.0, **sections.pop("training", {})}
    train(task, NUM_PDFS, options(training=training, **sections), 1, folder)
    return list(read_json_lines(folder / "steps.jsonl"))


@pytest.mark.parametrize("factor", [math.nan, HUGE])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_utterance_is_named(
    factor: float, dropout: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = poisoned_training(tmp_path, monkeypatch, factor, model={"dropout": dropout})
    told = [step for step in steps if "spike" in step]
    assert len(told) == 1
    (step,) = told
    assert step["suspects"][0] == BAD
    assert BAD in step["utterance_ids"]
    assert step["skipped"] == math.isnan(factor)
    folder = tmp_path / step["saved"]
    about = json.loads((folder / "culprit.json").read_text())
    assert about["step"] == step["step"]
    assert about["suspects"][0]["utterance_id"] == BAD
    assert about["layer"] in step["norm_by_layer"]
    assert about["utterance_ids"] == step["utterance_ids"]
    assert about["options"]["training"]["num_epochs"] == 12


@pytest.mark.parametrize("kind", ["lstm", "blstm"])
def test_a_replay_gives_what_the_training_saw(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = poisoned_training(
        tmp_path,
        monkeypatch,
        HUGE,
        model={"type": kind, "dropout": 0.3},
        training={"label_smoothing": 0.1, "spike_factor": 1.05},
        clipping={"loss_tau": 3.0, "threshold": 0.01},
    )
    saved_steps = [step for step in steps if "saved" in step]
    assert len(saved_steps) == 3
    for step in saved_steps:
        saved = load_step(tmp_path / step["saved"])
        state = torch.get_rng_state()
        replay = replay_step(saved)
        assert torch.equal(torch.get_rng_state(), state)
        assert replay.loss == step["loss"]
        assert replay.norm_by_layer == step["norm_by_layer"]
        frames = sum(utterance.frames for utterance in replay.utterances)
        mean = sum(utterance.loss * utterance.frames for utterance in replay.utterances) / frames
        assert mean == pytest.approx(replay.loss, rel=1e-5)


def test_the_utterances_gradients_make_up_the_batchs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = poisoned_training(tmp_path, monkeypatch, HUGE)
    (step,) = [step for step in steps if "spike" in step]
    replay = replay_step(load_step(tmp_path / step["saved"]))
    worst, *others = replay.utterances
    rest = sum(utterance.norm for utterance in others)
    assert abs(replay.norm - worst.norm) <= rest * (1 + 1e-5)  # the triangle's inequality
    assert worst.norm > 2 * others[0].norm


def test_saved_steps_are_bounded_and_the_rest_are_still_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = poisoned_training(
        tmp_path, monkeypatch, math.nan, times=4, training={"max_culprits": 2}
    )
    told = [step for step in steps if "spike" in step]
    assert [("saved" in step) for step in told] == [True, True, False, False]
    assert len(list((tmp_path / "culprits").iterdir())) == 2
    assert all(BAD in step["utterance_ids"] for step in told)


def test_the_program_names_the_utterance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = poisoned_training(tmp_path, monkeypatch, math.nan)
    (step,) = [step for step in steps if "spike" in step]

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipeline.bin.replay_step", str(folder)]
        return subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)

    done = run(tmp_path / step["saved"])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"step {step['step']}, epoch ")
    assert lines[3].startswith(f"suspect:  {BAD}, loss nan")
    assert lines[6].split()[0] == BAD
    assert len(lines) == 6 + len(step["utterance_ids"])
    missing = run(tmp_path / "nothing")
    assert missing.returncode == 1
    assert missing.stderr.startswith(f"error: {tmp_path / 'nothing' / 'culprit.json'}: not found")
    (tmp_path / step["saved"] / "batch.safetensors").write_bytes(b"x" * 100)
    damaged = run(tmp_path / step["saved"])
    assert damaged.returncode == 1
    assert "damaged" in damaged.stderr
    assert damaged.stderr.count("\n") == 1


def statistics(norm: float, **layers: float) -> ClippingStatistics:
    return ClippingStatistics(norm, norm, 1.0, False, False, layers)


def test_a_spike_is_far_above_the_median_and_its_layer_grew_most() -> None:
    detector = SpikeDetector(factor=5.0)
    for i in range(MIN_HISTORY):
        assert detector.look(statistics(1.0 + i % 2, low=1.0, high=100.0)) is None
    spike = detector.look(statistics(7.6, low=6.0, high=300.0))
    assert spike is not None
    assert spike.layer == "low"
    assert spike.median_norm == 1.5
    assert "5.07 times the median 1.5" in spike.reason
    assert detector.look(statistics(7.6, low=6.0, high=300.0)) is None  # the median is 2 now


def test_no_spike_without_a_history_and_state_goes_through_json() -> None:
    first, second = SpikeDetector(5.0), SpikeDetector(5.0)
    assert first.look(statistics(1e9, low=1.0)) is None
    for _ in range(MIN_HISTORY):
        first.look(statistics(1.0, low=1.0))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert first.look(statistics(9.0, low=1.0)) == second.look(statistics(9.0, low=1.0))


def test_features_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    task, _ = toy_task()
    task.features.frames[task.features.offsets[3]] = math.nan
    with pytest.raises(UserError, match=r"1 utterance\(s\) are not finite, e.g. u003"):
        train(task, NUM_PDFS, options(), 1, tmp_path)
