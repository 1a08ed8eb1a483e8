"""Each clipping method against a case worked by hand and, where torch has it, against torch."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping import METHODS, make_clipper
from pipeline.nnet.clipping.base import Clipper, ClippingStatistics, layer_of


def model_with_gradients(*gradients: list[float]) -> nn.ParameterList:
    """Parameters 0, 1, ... with the given gradients."""
    parameters = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return nn.ParameterList(parameters)


def gradients_of(model: nn.Module) -> list[list[float]]:
    return [p.grad.tolist() for p in model.parameters() if p.grad is not None]


def flat_gradient(model: nn.Module) -> list[float]:
    return [x for p in model.parameters() if p.grad is not None for x in p.grad.flatten().tolist()]


def clip(model: nn.Module, method: str, threshold: float | str) -> ClippingStatistics:
    options = ClippingOptions.model_validate({"method": method, "threshold": threshold})
    return make_clipper(model, options, input_dim=4)()


def random_model(seed: int, scale: float) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.LSTM(3, 4, num_layers=2)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn_like(parameter)
    return model


def test_norm_by_hand() -> None:
    model = model_with_gradients([3.0, 0.0], [0.0, 4.0])  # norm 5
    statistics = clip(model, "norm", 2.5)
    assert gradients_of(model) == [
        pytest.approx([1.5, 0.0], abs=1e-6),
        pytest.approx([0.0, 2.0], abs=1e-6),
    ]
    assert statistics.clipped
    assert not statistics.skipped
    assert statistics.norm_before == pytest.approx(5.0)
    assert statistics.norm_after == pytest.approx(2.5, rel=1e-6)
    assert statistics.coefficient == pytest.approx(0.5, rel=1e-6)
    assert statistics.norm_by_layer == {"0": pytest.approx(3.0), "1": pytest.approx(4.0)}


def test_value_by_hand() -> None:
    model = model_with_gradients([3.0, -0.25], [-4.0])
    statistics = clip(model, "value", 1.0)
    assert gradients_of(model) == [[1.0, -0.25], [-1.0]]
    assert statistics.norm_after == pytest.approx(math.sqrt(1 + 0.0625 + 1))
    assert statistics.coefficient == pytest.approx(math.sqrt(2.0625) / math.sqrt(25.0625))


def test_value_bound_from_the_input_dimension() -> None:
    model = model_with_gradients([3.0, -0.25])
    clip(model, "value", "1/sqrt(d)")  # d = 4
    assert gradients_of(model) == [[0.5, -0.25]]


def test_tensor_norm_by_hand() -> None:
    model = model_with_gradients([3.0, 4.0], [0.0, 0.5])  # norms 5 and 0.5
    statistics = clip(model, "tensor_norm", 1.0)
    assert gradients_of(model) == [pytest.approx([0.6, 0.8], rel=1e-5), [0.0, 0.5]]
    assert statistics.norm_after == pytest.approx(math.sqrt(1.25), rel=1e-5)


def test_none_only_measures() -> None:
    model = model_with_gradients([3.0, 4.0])
    statistics = clip(model, "none", 0.1)
    assert gradients_of(model) == [[3.0, 4.0]]
    assert not statistics.clipped
    assert (statistics.norm_before, statistics.norm_after, statistics.coefficient) == (5, 5, 1)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_norm_as_torch(scale: float) -> None:
    ours, theirs = random_model(1, scale), random_model(1, scale)
    statistics = clip(ours, "norm", 2.0)
    norm = nn.utils.clip_grad_norm_(theirs.parameters(), 2.0)
    assert statistics.norm_before == pytest.approx(norm.item(), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    after = math.sqrt(sum(value**2 for value in flat_gradient(ours)))
    assert statistics.norm_after == pytest.approx(after, rel=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_value_as_torch(scale: float) -> None:
    ours, theirs = random_model(2, scale), random_model(2, scale)
    clip(ours, "value", 0.5)
    nn.utils.clip_grad_value_(theirs.parameters(), 0.5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_tensor_norm_as_torch_on_each_tensor() -> None:
    ours, theirs = random_model(3, 1.0), random_model(3, 1.0)
    clip(ours, "tensor_norm", 2.0)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        nn.utils.clip_grad_norm_([b], 2.0)
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite_are_reported_and_left(method: str, bad: float) -> None:
    model = model_with_gradients([3.0, 4.0], [1.0, bad])
    statistics = clip(model, method, 1.0)
    assert statistics.skipped
    assert not statistics.clipped
    assert statistics.culprit == "1"
    assert gradients_of(model)[0] == [3.0, 4.0]


@pytest.mark.parametrize("method", METHODS)
def test_small_gradients_are_not_changed(method: str) -> None:
    model = model_with_gradients([0.3, -0.4])
    before = copy.deepcopy(gradients_of(model))
    statistics = clip(model, method, 1.0)
    assert gradients_of(model) == before
    assert not statistics.clipped
    assert statistics.coefficient == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_state_goes_through_json(method: str) -> None:
    clippers: list[Clipper] = []
    for _ in range(2):
        model = random_model(4, 3.0)
        options = ClippingOptions.model_validate({"method": method, "threshold": 1.0})
        clippers.append(make_clipper(model, options, input_dim=4))
    clippers[0]()
    clippers[1].load_state_dict(json.loads(json.dumps(clippers[0].state_dict())))
    assert clippers[1].state_dict() == clippers[0].state_dict()


def test_parameters_without_gradient_are_left_out() -> None:
    model = model_with_gradients([3.0, 4.0], [1.0])
    model[1].grad = None
    assert clip(model, "norm", 1.0).norm_by_layer == {"0": pytest.approx(5.0)}


def test_layer_names() -> None:
    assert layer_of("layers.1.forward_cell.weight_ih_l0") == "layers.1"
    assert layer_of("output.weight") == "output"
