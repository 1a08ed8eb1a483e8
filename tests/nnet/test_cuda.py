"""On a GPU a network's gradients and its training are what they are on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.config import NnetOptions
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS
from tests.nnet.toy_data import NUM_PDFS, options, toy_task

pytestmark = pytest.mark.needs("cuda")

# Methods that change how a step is computed, and one that does not.
METHODS = ("norm", "time_step", "truncation", "sequence_filter", "max_change", "zclip")


def log_of(settings: NnetOptions, folder: Path) -> list[dict[str, float]]:
    task, _ = toy_task(spread=0.3)
    train(task, NUM_PDFS, settings, 1, folder)
    return list(read_json_lines(folder / "steps.jsonl"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_is_the_same(kind: str, tmp_path: Path) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    steps = {}
    for device in ("cpu", "cuda"):
        training = {"device": device, "num_epochs": 1}
        # Dropout draws from the device's own generator.
        settings = options(model={**KINDS[kind], "dropout": 0.0}, training=training)
        steps[device] = log_of(settings, tmp_path / device)[0]
    assert steps["cuda"]["loss"] == pytest.approx(steps["cpu"]["loss"], rel=1e-4)
    assert steps["cuda"]["norm_before"] == pytest.approx(steps["cpu"]["norm_before"], rel=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_precision_learns(kind: str, precision: str, tmp_path: Path) -> None:
    training = {"device": "cuda", "precision": precision, "num_epochs": 12}
    log_of(options(model=KINDS[kind], training=training), tmp_path)
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
    assert log[-1]["frame_accuracy"] > 0.6


@pytest.mark.parametrize("method", METHODS)
def test_every_way_of_clipping_learns(method: str, tmp_path: Path) -> None:
    training = {"device": "cuda", "num_epochs": 8}
    log_of(options(clipping={"method": method}, training=training), tmp_path)
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
