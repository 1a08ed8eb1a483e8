"""Training: loss falls, logs add up, a killed training goes on bit for bit."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet import trainer as trainer_module
from pipeline.nnet.averaging import kept_epochs
from pipeline.nnet.checkpoint import FILE_NAME
from pipeline.nnet.model_files import load_model
from pipeline.nnet.progress import Quiet
from pipeline.nnet.targets import hold_out
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS
from tests.nnet.toy_data import NUM_PDFS, options, toy_task

REPOSITORY = Path(__file__).parents[2]


class Listener(Quiet):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_learns_the_toy_task(kind: str, tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.3)
    train(task, NUM_PDFS, options(model=KINDS[kind], training={"num_epochs": 12}), 1, tmp_path)
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    losses = [record["loss"] for record in log]
    assert losses[-1] < 0.6 * losses[0]
    assert log[-1]["held_out_loss"] < math.log(NUM_PDFS)
    assert log[-1]["frame_accuracy"] > 0.7


@pytest.mark.parametrize("method", ["none", "value", "norm", "tensor_norm"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_method_and_optimizer_lowers_the_loss(
    method: str, optimizer: str, tmp_path: Path
) -> None:
    settings = options(
        clipping={"method": method, "threshold": 0.1},
        training={"optimizer": optimizer, "learning_rate": 0.3 if optimizer == "sgd" else 0.01},
    )
    task, _ = toy_task()
    train(task, NUM_PDFS, settings, 1, tmp_path)
    losses = [record["loss"] for record in read_json_lines(tmp_path / "log.jsonl")]
    assert losses[-1] < losses[0]


def test_target_delay_learns_too(tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.3)
    train(
        task, NUM_PDFS, options(model={"target_delay": 2}, training={"num_epochs": 8}), 1, tmp_path
    )
    assert list(read_json_lines(tmp_path / "log.jsonl"))[-1]["frame_accuracy"] > 0.8


def test_the_logs(tmp_path: Path) -> None:
    task, _ = toy_task()
    settings = options(clipping={"threshold": 0.05})
    seen: list[dict[str, Any]] = []
    train(task, NUM_PDFS, settings, 1, tmp_path, on_step=seen.append)
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    assert steps == seen
    assert [record["step"] for record in steps] == list(range(1, len(steps) + 1))
    assert len(log) == 4
    for record in log:
        own = [step for step in steps if step["epoch"] == record["epoch"]]
        frames = sum(step["frames"] for step in own)
        assert record["steps"] == own[-1]["step"]
        loss = sum(step["loss"] * step["frames"] for step in own) / frames
        assert record["loss"] == pytest.approx(loss)
        assert record["clipping_rate"] == sum(step["clipped"] for step in own) / len(own)
    for step in steps:
        by_layer = math.sqrt(sum(norm**2 for norm in step["norm_by_layer"].values()))
        assert step["norm_before"] == pytest.approx(by_layer)
        assert step["norm_after"] == pytest.approx(step["norm_before"] * step["coefficient"])
        assert step["norm_after"] <= 0.05 * (1 + 1e-6)
    assert list(steps[0]["norm_by_layer"]) == ["layers.0", "layers.1", "output"]
    assert not (tmp_path / "checkpoints").exists()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    task, _ = toy_task()
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(task, NUM_PDFS, options(model={"dropout": 0.2}), seed, tmp_path / name)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


SCRIPT = """
import os, signal, sys
from pathlib import Path
from pipeline.nnet.train import train
from tests.nnet.test_train import resume_options
from tests.nnet.toy_data import NUM_PDFS, toy_task

def kill_at(record):
    if record["step"] == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

train(toy_task()[0], NUM_PDFS, resume_options(), 1, Path(sys.argv[1]), on_step=kill_at)
"""


def resume_options() -> Any:
    """Everything that has a state: 100 steps and more, of about 7 an epoch."""
    return options(
        model={"type": "blstm", "hidden_dim": 6, "dropout": 0.3},
        training={
            "num_epochs": 15,
            "checkpoint_steps": 5,
            "average_last": 3,
            "schedule": "plateau",
            "early_stopping_epochs": 50,
        },
    )


@pytest.mark.parametrize("kill_step", [3, 50, 53])
def test_a_killed_training_goes_on_bit_for_bit(kill_step: int, tmp_path: Path) -> None:
    def run(folder: Path, step: int) -> int:
        command = [sys.executable, "-c", SCRIPT, str(folder), str(step)]
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode

    assert run(tmp_path / "killed", kill_step) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    task, _ = toy_task()
    listener = Listener()
    train(task, NUM_PDFS, resume_options(), 1, tmp_path / "killed", reporter=listener)
    resumed = any("resumed" in message for message in listener.messages)
    assert resumed == (kill_step > 5)
    train(task, NUM_PDFS, resume_options(), 1, tmp_path / "whole")
    for name in ("model.safetensors", "model.json", "steps.jsonl"):
        killed, whole = ((tmp_path / way / name).read_bytes() for way in ("killed", "whole"))
        assert killed == whole, name
    steps = list(read_json_lines(tmp_path / "whole" / "steps.jsonl"))
    assert len(steps) >= 100


class Stop(Exception):
    """Ends a training in the middle."""


def stop_at(step: int) -> Any:
    def stop(record: dict[str, Any]) -> None:
        if record["step"] == step:
            raise Stop

    return stop


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 2}, "seed"), ({"learning_rate": 3e-3}, "options"), ({"labels": 1}, "alignment")],
)
def test_a_checkpoint_of_another_training_is_not_taken(
    change: dict[str, Any], named: str, tmp_path: Path
) -> None:
    task, _ = toy_task()
    with pytest.raises(Stop):
        train(
            task,
            NUM_PDFS,
            options(training={"checkpoint_steps": 2}),
            1,
            tmp_path,
            on_step=stop_at(5),
        )
    assert (tmp_path / "checkpoints" / FILE_NAME).exists()
    if "labels" in change:
        task.pdfs[0] = (task.pdfs[0] + 1) % NUM_PDFS
    training = {"checkpoint_steps": 2, "learning_rate": change.get("learning_rate", 1e-2)}
    listener = Listener()
    train(
        task,
        NUM_PDFS,
        options(training=training),
        change.get("seed", 1),
        tmp_path,
        reporter=listener,
    )
    assert f"changed since: {named}; training starts anew" in listener.messages[0]
    assert len(list(read_json_lines(tmp_path / "log.jsonl"))) == 4


def test_a_damaged_checkpoint_is_not_taken(tmp_path: Path) -> None:
    task, _ = toy_task()
    settings = options(training={"checkpoint_steps": 2})
    with pytest.raises(Stop):
        train(task, NUM_PDFS, settings, 1, tmp_path, on_step=stop_at(5))
    path = tmp_path / "checkpoints" / FILE_NAME
    path.write_bytes(path.read_bytes()[:200])
    listener = Listener()
    train(task, NUM_PDFS, settings, 1, tmp_path, reporter=listener)
    assert "damaged" in listener.messages[0]


def test_a_step_that_is_not_finite_is_skipped_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = trainer_module.batch_loss, 0

    def spoilt(*args: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return original(*args) * (math.nan if calls == 3 else 1.0)

    monkeypatch.setattr(trainer_module, "batch_loss", spoilt)
    task, _ = toy_task()
    listener = Listener()
    model = train(task, NUM_PDFS, options(), 1, tmp_path, reporter=listener)
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    assert [step["step"] for step in steps if step["skipped"]] == [3]
    assert steps[2]["loss"] is None
    assert steps[2]["culprit"] == "layers.0.forward_cell.weight_ih_l0"
    assert set(steps[2]["utterance_ids"]) <= set(task.features.utterance_ids)
    assert any("step 3 skipped" in message for message in listener.messages)
    assert next(read_json_lines(tmp_path / "log.jsonl"))["skipped_steps"] == 1
    assert all(torch.isfinite(p).all() for p in model.network.parameters())


def test_no_finite_gradient_at_all_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = trainer_module.batch_loss
    monkeypatch.setattr(trainer_module, "batch_loss", lambda *args: original(*args) * math.nan)
    with pytest.raises(UserError, match="not finite; lower learning_rate"):
        train(toy_task()[0], NUM_PDFS, options(), 1, tmp_path)


def test_early_stopping_ends_with_the_best_epoch(tmp_path: Path) -> None:
    task, _ = toy_task(12, spread=3.0)  # soon learnt by heart
    settings = options(
        model={"hidden_dim": 32},
        training={"num_epochs": 60, "early_stopping_epochs": 3, "schedule": "constant"},
    )
    train(task, NUM_PDFS, settings, 1, tmp_path)
    losses = [record["held_out_loss"] for record in read_json_lines(tmp_path / "log.jsonl")]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 3 < 60
    assert json.loads((tmp_path / "model.json").read_text())["training"]["epochs"] == [best]


def test_every_epoch_is_kept_only_if_asked_for(tmp_path: Path) -> None:
    task, _ = toy_task()
    folders = {}
    for asked in (False, True):
        settings = options(training={"average_last": 2, "wer_epochs": asked})
        folders[asked] = tmp_path / str(asked)
        train(task, NUM_PDFS, settings, 1, folders[asked])
    assert not (folders[False] / "epochs").exists()
    assert "wer_epochs" not in (folders[False] / "model.json").read_text(encoding="utf-8")
    weights = [(folders[asked] / "model.safetensors").read_bytes() for asked in folders]
    assert weights[0] == weights[1]
    kept = kept_epochs(folders[True] / "epochs")
    assert list(kept) == [1, 2, 3, 4]
    assert len({path.read_bytes() for path in kept.values()}) == 4
    average = load_model(folders[True]).network.state_dict()
    third, fourth = load_file(kept[3]), load_file(kept[4])
    for name, tensor in average.items():
        torch.testing.assert_close(tensor, (third[name] + fourth[name]) / 2)
    ids = task.features.utterance_ids
    held_out = (folders[True] / "epochs/held_out.txt").read_text(encoding="utf-8").split()
    assert held_out == [n for n, held in zip(ids, hold_out(ids, 0.1, 1), strict=True) if held]


def test_the_last_models_are_averaged(tmp_path: Path) -> None:
    task, _ = toy_task()
    networks = {}
    for epochs in (3, 4):  # constant rate: the first epochs do not depend on their number
        settings = options(training={"num_epochs": epochs, "schedule": "constant"})
        networks[epochs] = train(task, NUM_PDFS, settings, 1, tmp_path / str(epochs)).network
    settings = options(training={"num_epochs": 4, "schedule": "constant", "average_last": 2})
    train(task, NUM_PDFS, settings, 1, tmp_path / "mean")
    average = load_model(tmp_path / "mean").network.state_dict()
    third, fourth = networks[3].state_dict(), networks[4].state_dict()
    for name, tensor in average.items():
        torch.testing.assert_close(tensor, (third[name] + fourth[name]) / 2)
