"""Quantisation-aware training: its weights are int8's, its gradient goes straight through."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.config import NnetOptions
from pipeline.io.errors import UserError
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.compression.fake_quantization import FakeQuantization, fake_quantize
from pipeline.nnet.int8 import quantize, quantized_weights
from pipeline.nnet.measures import batch_loss
from pipeline.nnet.model_files import load_model
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS, make
from tests.nnet.toy_data import NUM_PDFS, options, toy_task

TASK, _ = toy_task(spread=0.5)
INTEGER = ("lstm", "blstm", "lc_blstm", "tdnn_lstm")


@pytest.mark.parametrize("kind", INTEGER)
def test_passes_see_the_weights_of_int8(kind: str) -> None:
    model = make(**KINDS[kind])
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    fake = FakeQuantization(model)
    fake.before_pass(model)
    seen = {name: weight.clone() for name, weight in model.state_dict().items()}
    fake.after_pass(model)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])
    quantize(model)
    integer = dict(model.named_buffers())
    compared = 0
    for name, weight in seen.items():
        module, _, kind_of = name.rpartition(".")
        codes = f"{module}.codes" + kind_of.removeprefix("weight").removesuffix("_l0")
        if codes in integer:
            scales = integer[codes.replace(".codes", ".scales")]
            assert torch.equal(weight, integer[codes].float() * scales.unsqueeze(1))
            assert not torch.equal(weight, before[name])
            compared += 1
        else:
            assert torch.equal(weight, before[name])
    assert compared == sum(name.rpartition(".codes")[1] != "" for name in integer)


def test_the_gradient_is_that_at_the_rounded_weights() -> None:
    batch = FrameStore(TASK.features, TASK.pdfs).pad([0, 1])
    model, rounded = make(type="lstm"), make(type="lstm")
    with torch.no_grad():
        for weight in quantized_weights(rounded):
            weight.copy_(fake_quantize(weight))
    batch_loss(rounded, batch).backward()
    fake = FakeQuantization(model)
    fake.before_pass(model)
    batch_loss(model, batch).backward()
    fake.after_pass(model)
    for weight, expected in zip(model.parameters(), rounded.parameters(), strict=True):
        assert expected.grad is not None
        assert weight.grad is not None
        assert torch.equal(weight.grad, expected.grad)


def test_training_ends_as_int8_near_what_it_saw(tmp_path: Path) -> None:
    settings = options(model={"type": "lstm"}, training={"num_epochs": 3})
    train(TASK, NUM_PDFS, settings, 1, tmp_path / "float")
    start = load_model(tmp_path / "float")
    chosen = {**settings.model_dump(), "quantize": {"start": "float", "aware": True}}
    aware = NnetOptions.model_validate(chosen)
    steps: list[float] = []
    train(
        *(TASK, NUM_PDFS, aware, 1, tmp_path / "int8"),
        start=start,
        constraint=FakeQuantization(start.network),
        on_step=lambda record: steps.append(record["loss"]),
    )
    assert load_model(tmp_path / "int8").network.weights == "int8"
    sizes = [(tmp_path / w / "model.safetensors").stat().st_size for w in ("float", "int8")]
    assert sizes[1] < 0.5 * sizes[0]
    assert sum(steps[-5:]) < sum(steps[:5])


def test_types_without_integer_kernels() -> None:
    with pytest.raises(UserError, match="no integer kernel for tanh RNNs"):
        FakeQuantization(make(**KINDS["drnn"]))
