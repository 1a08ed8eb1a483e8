"""Exploding gradients of a tanh RNN: its weights run away unless they are clipped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.nnet.clipping import METHODS
from pipeline.nnet.layers import RecurrentLayer
from pipeline.nnet.model import AcousticModel
from tests.nnet.gradients import make
from tests.nnet.test_model import make as make_model
from tests.nnet.toy_data import DIM, NUM_PDFS

NUM_FRAMES, NUM_UTTERANCES = 60, 6
GAIN = 4.0  # of the recurrent weights: derivatives grow at every frame that they go back
RATE = 0.1
IGNORED = -100
EXPLODED = 100.0  # times that the recurrent weights grow in ten steps

# Methods that bound the gradient or the update from the first step on.
AT_ONCE: dict[str, dict[str, Any]] = {
    "value": {},
    "norm": {},
    "tensor_norm": {},
    "normalised": {},
    "time_step": {},
    "truncation": {},
    "max_change": {},
    "agc": {},
    "zclip": {"max_norm": 5.0},
    "adagc": {"warmup_steps": 5},
}
# Methods that bound it by its own past: they need one that was calm.
BY_HISTORY: dict[str, dict[str, Any]] = {
    "median": {"warmup_steps": 10},
    "autoclip": {},
    "zclip": {"warmup_steps": 10},
    "adagc": {"warmup_steps": 10},
}
# sequence_filter compares the utterances of a batch: it needs some that are calm.


@dataclass
class Run:
    """What became of a training."""

    growth: float  # of the recurrent weights' norm
    largest_norm: float  # of a gradient, before clipping
    losses: list[float]


def network() -> AcousticModel:
    """One layer with orthogonal recurrent weights: gain 1, so at first nothing explodes."""
    model = make_model(type="drnn", hidden_dim=32, num_layers=1).train()
    torch.manual_seed(1)
    torch.nn.init.orthogonal_(recurrent_weights(model))
    cell_of(model).get_parameter("weight_ih_l0").data *= 0.05
    return model


def cell_of(model: AcousticModel) -> torch.nn.RNNBase:
    layer = model.layers[0]
    assert isinstance(layer, RecurrentLayer)
    return layer.forward_cell


def recurrent_weights(model: AcousticModel) -> Tensor:
    return cell_of(model).get_parameter("weight_hh_l0").detach()


def batch(lengths: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Utterances whose target is the place of the frame in a cycle."""
    torch.manual_seed(2)
    time = torch.arange(NUM_FRAMES)
    cycle = (time // 4).remainder(NUM_PDFS).expand(len(lengths), NUM_FRAMES)
    features = functional.one_hot(cycle, NUM_PDFS)[..., :DIM].float()
    features = features + 0.3 * torch.randn(features.shape)
    ends = torch.tensor(lengths)
    targets = torch.where(time < ends.unsqueeze(1), cycle, IGNORED)
    return features, ends, targets


def descend(
    method: str,
    options: dict[str, Any],
    calm_steps: int = 0,
    lengths: list[int] | None = None,
) -> Run:
    """Gradient descent; after `calm_steps` the recurrent weights are multiplied by GAIN."""
    model = network()
    clipper = make(model, method, **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    features, ends, targets = batch(lengths or [NUM_FRAMES] * NUM_UTTERANCES)
    losses, norms, start = [], [], 1.0
    for step in range(calm_steps + 10):
        if step == calm_steps:
            recurrent_weights(model).mul_(GAIN)
            start = recurrent_weights(model).norm().item()
        optimizer.zero_grad()
        logits = model(features, ends).flatten(0, 1)
        loss = functional.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED)
        losses.append(loss.item())
        clipper.before_backward(1.0 / int((targets != IGNORED).sum()))
        loss.backward()
        statistics = clipper()
        norms.append(statistics.norm_before)
        if not statistics.skipped:
            optimizer.step()
            clipper.after_step(statistics, optimizer)
    return Run(recurrent_weights(model).norm().item() / start, max(norms), losses)


def test_without_clipping_it_explodes() -> None:
    run = descend("none", {})
    assert run.largest_norm > 1e6
    assert run.growth > EXPLODED


def test_every_method_is_tried() -> None:
    assert {*AT_ONCE, *BY_HISTORY, "none", "sequence_filter"} == set(METHODS)


@pytest.mark.parametrize("method", AT_ONCE)
def test_methods_that_stop_it_at_once(method: str) -> None:
    run = descend(method, AT_ONCE[method])
    assert run.growth < 1.5
    assert all(math.isfinite(loss) for loss in run.losses)
    assert run.losses[-1] < 1.1 * run.losses[0]
    if method in ("time_step", "truncation"):  # inside the graph it does not even come about
        assert run.largest_norm < 100.0


@pytest.mark.parametrize("method", BY_HISTORY)
def test_methods_with_a_history_stop_it_after_a_calm_time(method: str) -> None:
    assert descend("none", {}, calm_steps=30).growth > EXPLODED
    run = descend(method, BY_HISTORY[method], calm_steps=30)
    assert run.largest_norm > 1e6
    assert run.growth < 1.5
    assert run.losses[29] < run.losses[0]


@pytest.mark.parametrize("method", ["median", "autoclip"])
def test_without_a_calm_time_they_cannot(method: str) -> None:
    # The first norms are the explosion itself, so they are what is usual.
    assert descend(method, BY_HISTORY[method]).growth > EXPLODED


def test_the_sequence_filter_stops_the_explosion_of_single_utterances() -> None:
    lengths = [3] * (NUM_UTTERANCES - 1) + [NUM_FRAMES]  # too short to explode, but for one
    assert descend("none", {}, lengths=lengths).growth > EXPLODED
    run = descend("sequence_filter", {}, lengths=lengths)
    assert run.growth < 1.5
    # All alike: there is nothing in the batch to compare with.
    assert descend("sequence_filter", {}).growth > EXPLODED
