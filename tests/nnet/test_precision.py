"""Mixed precision and the device of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.config import TrainOptions
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.model_files import load_model
from pipeline.nnet.precision import Precision, choose_device, has_bf16_lstm
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS
from tests.nnet.toy_data import NUM_PDFS, options, toy_task


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_lowers_the_loss_of_every_network(kind: str, tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.3)
    logs = {}
    for precision in ("fp32", "bf16"):
        training = {"precision": precision, "device": "cpu", "num_epochs": 2}
        settings = options(model=KINDS[kind], training=training)
        train(task, NUM_PDFS, settings, 1, tmp_path / precision)
        logs[precision] = list(read_json_lines(tmp_path / precision / "steps.jsonl"))
        log = list(read_json_lines(tmp_path / precision / "log.jsonl"))
        assert log[-1]["loss"] < log[0]["loss"]
        weights = load_model(tmp_path / precision).network.state_dict()
        assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    first = [log[0] for log in logs.values()]
    assert first[1]["loss"] == pytest.approx(first[0]["loss"], rel=0.02)
    # Fewer bits were really used, where the processor has them.
    assert (first[1]["loss"] != first[0]["loss"]) == has_bf16_lstm()


@pytest.mark.parametrize("has_it", [True, False])
def test_a_cpu_without_bf16_trains_in_fp32(has_it: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.nnet.precision.has_bf16_lstm", lambda: has_it)
    precision = Precision(TrainOptions(precision="bf16"), torch.device("cpu"))
    with precision.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if has_it else torch.float32)
    assert precision.falls_back == (not has_it)


def test_scaled_gradients_are_seen_in_true_size() -> None:
    """The order of the steps with a scaler, against plain backward."""
    parameter = torch.nn.Parameter(torch.tensor([2.0, -1.0]))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    precision = Precision(TrainOptions(), torch.device("cpu"))
    precision._scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    assert precision.scale == 1024.0
    precision.backward(parameter.square().sum(), optimizer)
    assert parameter.grad is not None
    torch.testing.assert_close(parameter.grad, torch.tensor([4.0, -2.0]))
    precision.step(optimizer)
    precision.end_step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([1.6, -0.8]))
    optimizer.zero_grad()
    precision.backward((parameter * torch.inf).sum(), optimizer)
    precision.end_step()  # the step itself is skipped, as clipping says
    assert precision.scale == 512.0
    other = Precision(TrainOptions(), torch.device("cpu"))
    other._scaler = torch.amp.GradScaler("cpu")
    other.load_state_dict(precision.state_dict())
    assert other.scale == 512.0


def test_what_the_machine_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"training\.device: cuda, but torch sees no GPU"):
        choose_device("cuda")
    with pytest.raises(UserError, match="fp16 needs a GPU; use bf16 or fp32"):
        Precision(TrainOptions(precision="fp16"), torch.device("cpu"))
