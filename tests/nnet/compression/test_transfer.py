"""Transfer: hidden layers of one network under a new output; what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.compression.transfer import transfer
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model_files import HybridModel, load_model
from pipeline.nnet.train import train
from tests.nnet.test_model import make
from tests.nnet.toy_data import DIM, NUM_PDFS, options, toy_task

PRIORS = torch.full((4,), -1.5)


def test_layers_are_the_sources_and_the_output_is_new() -> None:
    source = make(type="blstm", num_layers=2)
    source.front_end.set_normalisation(torch.arange(DIM), torch.arange(DIM) + 1.0)
    asked = source.options.model_copy(update={"dropout": 0.3})
    hybrid = HybridModel(source, torch.zeros(NUM_PDFS), 1.0)
    made = transfer(hybrid, asked, DIM, PRIORS, 0.7)
    old, new = source.state_dict(), made.network.state_dict()
    assert new["output.weight"].shape == (4, 16)
    assert all(torch.equal(new[name], old[name]) for name in old if name.startswith("layers"))
    assert torch.equal(made.network.front_end.scale, source.front_end.scale)
    assert (made.log_priors is PRIORS, made.prior_scale) == (True, 0.7)


def test_it_learns_faster_than_from_random_weights(tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.5)
    merged = type(task)(task.features, task.pdfs % 3, [])
    chosen = options(training={"num_epochs": 20})
    train(task, NUM_PDFS, chosen, 1, tmp_path / "source")
    short = options(training={"num_epochs": 4})
    source = load_model(tmp_path / "source")
    start = transfer(source, short.model, DIM, torch.zeros(3), 1.0)
    train(merged, 3, short, 1, tmp_path / "transferred", start=start)
    train(merged, 3, short, 1, tmp_path / "new")
    losses = [
        list(read_json_lines(tmp_path / name / "log.jsonl"))[-1]["held_out_loss"]
        for name in ("transferred", "new")
    ]
    assert losses[0] < 0.8 * losses[1]


def test_what_does_not_fit_is_named() -> None:
    source = HybridModel(make(type="lstm"), torch.zeros(NUM_PDFS), 1.0)
    asked = source.network.options
    changed = asked.model_copy(update={"num_layers": 5, "hidden_dim": 9})
    with pytest.raises(UserError, match=r"another shape: num_layers, hidden_dim$"):
        transfer(source, changed, DIM, PRIORS, 1.0)
    with pytest.raises(UserError, match=r"features \(5 values a frame, here 40\)"):
        transfer(source, asked, 40, PRIORS, 1.0)
    quantize(source.network)
    with pytest.raises(UserError, match="the source is int8"):
        transfer(source, asked, DIM, PRIORS, 1.0)
