"""Trainings with each method at its defaults: the loss falls; a stopped one goes on exactly."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event

from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.clipping import METHODS
from pipeline.nnet.train import train
from tests.nnet.toy_data import NUM_PDFS, options, toy_task


def losses_of(folder: Path, **sections: Any) -> list[float]:
    """Losses of the epochs of a short training."""
    training = {"num_epochs": 4, **sections.pop("training", {})}
    train(toy_task()[0], NUM_PDFS, options(training=training, **sections), 1, folder)
    return [record["loss"] for record in read_json_lines(folder / "log.jsonl")]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_at_its_defaults_lowers_the_loss(method: str, tmp_path: Path) -> None:
    losses = losses_of(tmp_path, clipping={"method": method})
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.95 * losses[0]


def test_loss_clipping_lowers_the_loss(tmp_path: Path) -> None:
    losses = losses_of(tmp_path, clipping={"loss_tau": 2.0})
    assert losses[-1] < 0.98 * losses[0]


def test_fading_and_ending_are_in_the_log(tmp_path: Path) -> None:
    settings = {"threshold": 0.01, "anneal_factor": 3.0, "until_epoch": 2}
    losses_of(tmp_path, clipping=settings)
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    expected = {1: 0.01, 2: pytest.approx(0.03), 3: None, 4: None}
    assert all(step["threshold"] == expected[step["epoch"]] for step in steps)
    assert all(step["clipped"] == (step["epoch"] < 3) for step in steps)


def test_steps_tell_what_was_clipped_inside_the_graph(tmp_path: Path) -> None:
    losses_of(tmp_path, clipping={"method": "time_step", "threshold": 0.05})
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    assert all(0.0 < step["share_clipped"] < 1.0 for step in steps)
    assert all(step["clipped"] and step["threshold"] == 0.05 for step in steps)


def test_steps_tell_what_became_of_the_update(tmp_path: Path) -> None:
    losses_of(tmp_path, clipping={"method": "max_change", "threshold": 0.1})
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    assert any(step["clipped"] for step in steps)
    for step in steps:
        ratio = step["update_norm_after"] / step["update_norm_before"]
        assert step["coefficient"] == pytest.approx(ratio)


class Stop(Exception):
    """Ends a training in the middle."""


@pytest.mark.parametrize(
    "clipping",
    [
        {"method": "median", "history": 9, "warmup_steps": 4, "threshold": 1.0},
        {"method": "autoclip"},
        {"method": "zclip", "warmup_steps": 5, "threshold": 0.5},
        {"method": "adagc", "warmup_steps": 5},
        {"method": "truncation", "threshold": 0.2, "zeroing_threshold": 0.1, "anneal_factor": 1.1},
        {"method": "max_change", "threshold": 0.02},
    ],
    ids=lambda clipping: clipping["method"],
)
def test_a_stopped_training_goes_on_exactly(clipping: dict[str, Any], tmp_path: Path) -> None:
    training = {"checkpoint_steps": 4, "num_epochs": 3, "spike_factor": 1.5}
    settings = options(clipping=clipping, training=training, model={"dropout": 0.2})
    task, _ = toy_task()

    def stop(record: dict[str, Any]) -> None:
        if record["step"] == 14:
            raise Stop

    with pytest.raises(Stop):
        train(task, NUM_PDFS, settings, 1, tmp_path / "stopped", on_step=stop)
    train(task, NUM_PDFS, settings, 1, tmp_path / "stopped")
    train(task, NUM_PDFS, settings, 1, tmp_path / "whole")
    for name in ("model.safetensors", "steps.jsonl"):
        stopped, whole = ((tmp_path / way / name).read_bytes() for way in ("stopped", "whole"))
        assert stopped == whole, name
    steps = list(read_json_lines(tmp_path / "whole" / "steps.jsonl"))
    assert any(step["clipped"] for step in steps[14:])


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """(tag, step) -> value from event files: length, checksum, message, checksum."""
    found = {}
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + length])
            place += 12 + length + 4
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found


def test_tensorboard_has_the_same_numbers(tmp_path: Path) -> None:
    losses = losses_of(tmp_path, training={"tensorboard": True})
    found = scalars(tmp_path / "tensorboard")
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    for step in steps:
        assert found["step/loss", step["step"]] == pytest.approx(step["loss"], rel=1e-6)
        assert found["step/norm_before", step["step"]] == pytest.approx(step["norm_before"])
        norm = step["norm_by_layer"]["layers.1"]
        assert found["norm/layers.1", step["step"]] == pytest.approx(norm)
    assert found["epoch/loss", steps[-1]["step"]] == pytest.approx(losses[-1])
