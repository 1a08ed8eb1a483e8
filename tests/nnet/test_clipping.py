"""The simple clipping methods against cases worked by hand and, where it has them, torch."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from pipeline.nnet.clipping import METHODS
from pipeline.nnet.clipping.base import Clipper, layer_of
from tests.nnet.gradients import (
    clip,
    flat_gradient,
    gradients_of,
    make,
    model_with_gradients,
    random_model,
)

INSIDE_GRAPH = {"time_step", "truncation", "sequence_filter"}
AFTER_BACKWARD = sorted(METHODS.keys() - INSIDE_GRAPH)


def test_norm_by_hand() -> None:
    model = model_with_gradients([3.0, 0.0], [0.0, 4.0])  # norm 5
    statistics = clip(model, "norm", threshold=2.5)
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
    assert (statistics.threshold, statistics.share_clipped) == (2.5, 1.0)


def test_value_by_hand() -> None:
    model = model_with_gradients([3.0, -0.25], [-4.0])
    statistics = clip(model, "value", threshold=1.0)
    assert gradients_of(model) == [[1.0, -0.25], [-1.0]]
    assert statistics.norm_after == pytest.approx(math.sqrt(1 + 0.0625 + 1))
    assert statistics.coefficient == pytest.approx(math.sqrt(2.0625) / math.sqrt(25.0625))


def test_value_bound_from_the_input_dimension() -> None:
    model = model_with_gradients([3.0, -0.25])
    clip(model, "value")  # 1/sqrt(d), d = 4
    assert gradients_of(model) == [[0.5, -0.25]]


def test_value_bounds_that_bound_a_norm() -> None:
    model = model_with_gradients([9.0, 9.0, 9.0, 9.0], [-9.0])
    clip(model, "value", threshold=6.0, bounds="tensor")  # 6 / sqrt(4) and 6 / sqrt(1)
    assert gradients_of(model) == [[3.0] * 4, [-6.0]]
    model = model_with_gradients([9.0, 9.0, 9.0, 9.0], [-9.0] * 5)
    statistics = clip(model, "value", threshold=6.0, bounds="model")  # 6 / sqrt(9)
    assert gradients_of(model) == [[2.0] * 4, [-2.0] * 5]
    assert statistics.norm_after == pytest.approx(6.0)


def test_tensor_norm_by_hand() -> None:
    model = model_with_gradients([3.0, 4.0], [0.0, 0.5])  # norms 5 and 0.5
    statistics = clip(model, "tensor_norm", threshold=1.0)
    assert gradients_of(model) == [pytest.approx([0.6, 0.8], rel=1e-5), [0.0, 0.5]]
    assert statistics.norm_after == pytest.approx(math.sqrt(1.25), rel=1e-5)
    assert statistics.share_clipped == 0.5


def test_normalised_by_hand() -> None:
    model = model_with_gradients([3.0, 4.0])
    statistics = clip(model, "normalised", threshold=5.0)  # 5 / (5 + 5)
    assert gradients_of(model) == [[1.5, 2.0]]
    assert statistics.coefficient == 0.5
    assert not statistics.clipped
    huge = clip(model_with_gradients([3e6, 4e6]), "normalised", threshold=5.0)
    assert huge.clipped
    assert huge.norm_after == pytest.approx(5.0, rel=1e-5)


def test_agc_by_hand() -> None:
    model = nn.ModuleDict({"hidden": nn.Linear(2, 3), "output": nn.Linear(2, 1, bias=False)})
    hidden, output = model["hidden"], model["output"]
    assert isinstance(hidden, nn.Linear)
    assert isinstance(output, nn.Linear)
    hidden.weight.data = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3.0, 4.0]])
    hidden.bias.data = torch.tensor([0.0, 2.0, 0.0])
    hidden.weight.grad = torch.tensor([[6.0, 8.0], [0.0, 1.0], [0.1, 0.0]])
    hidden.bias.grad = torch.tensor([0.0, 0.0, 4.0])
    output.weight.grad = torch.tensor([[100.0, 0.0]])
    statistics = clip(model, "agc", threshold=0.1)
    # Rows: 10 -> 0.1 * 5; 1 -> 0.1 * 1e-3 for a row of zeros; 0.1 stays; the bias 4 -> 0.1 * 2.
    expected = torch.tensor([[0.3, 0.4], [0.0, 1e-4], [0.1, 0.0]])
    torch.testing.assert_close(hidden.weight.grad, expected)
    torch.testing.assert_close(hidden.bias.grad, torch.tensor([0.0, 0.0, 0.2]))
    assert output.weight.grad.tolist() == [[100.0, 0.0]]
    assert statistics.share_clipped == 0.75
    clip(model, "agc", threshold=0.1, clip_output_layer=True)
    most = 0.1 * output.weight.norm()
    torch.testing.assert_close(output.weight.grad.norm(), most)


def test_none_only_measures() -> None:
    model = model_with_gradients([3.0, 4.0])
    statistics = clip(model, "none", threshold=0.1)
    assert gradients_of(model) == [[3.0, 4.0]]
    assert not statistics.clipped
    assert (statistics.norm_before, statistics.norm_after, statistics.coefficient) == (5, 5, 1)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_norm_as_torch(scale: float) -> None:
    ours, theirs = random_model(1, scale), random_model(1, scale)
    statistics = clip(ours, "norm", threshold=2.0)
    norm = nn.utils.clip_grad_norm_(theirs.parameters(), 2.0)
    assert statistics.norm_before == pytest.approx(norm.item(), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    after = math.sqrt(sum(value**2 for value in flat_gradient(ours)))
    assert statistics.norm_after == pytest.approx(after, rel=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_value_as_torch(scale: float) -> None:
    ours, theirs = random_model(2, scale), random_model(2, scale)
    clip(ours, "value", threshold=0.5)
    nn.utils.clip_grad_value_(theirs.parameters(), 0.5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_tensor_norm_as_torch_on_each_tensor() -> None:
    ours, theirs = random_model(3, 1.0), random_model(3, 1.0)
    clip(ours, "tensor_norm", threshold=2.0)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        nn.utils.clip_grad_norm_([b], 2.0)
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("method", AFTER_BACKWARD)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite_are_reported_and_left(method: str, bad: float) -> None:
    model = model_with_gradients([3.0, 4.0], [1.0, bad])
    clipper = make(model, method)
    before = clipper.state_dict()
    statistics = clipper()
    assert statistics.skipped
    assert not statistics.clipped
    assert statistics.culprit == "1"
    assert gradients_of(model)[0] == [3.0, 4.0]
    assert clipper.state_dict() == before


@pytest.mark.parametrize("method", sorted(set(AFTER_BACKWARD) - {"normalised", "agc"}))
def test_small_gradients_are_not_changed(method: str) -> None:
    model = model_with_gradients([0.3, -0.4])
    before = gradients_of(model)
    statistics = clip(model, method)
    assert gradients_of(model) == before
    assert not statistics.clipped
    assert statistics.coefficient == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_state_goes_through_json(method: str) -> None:
    clippers: list[Clipper] = [make(random_model(4, 3.0), method) for _ in range(2)]
    clippers[0]()
    clippers[1].load_state_dict(json.loads(json.dumps(clippers[0].state_dict())))
    assert clippers[1].state_dict() == clippers[0].state_dict()


@pytest.mark.parametrize("method", ["value", "norm", "tensor_norm"])
def test_clipping_fades_and_ends(method: str) -> None:
    model = model_with_gradients([0.0])
    clipper = make(model, method, threshold=1.0, anneal_factor=2.0, until_epoch=3)
    norms = []
    for epoch in range(1, 6):
        model[0].grad = torch.tensor([100.0])
        clipper.start_epoch(epoch)
        statistics = clipper()
        assert statistics.clipped == (epoch <= 3)
        norms.append(model[0].grad.item())
    assert norms == pytest.approx([1.0, 2.0, 4.0, 100.0, 100.0], rel=1e-5)


def test_parameters_without_gradient_are_left_out() -> None:
    model = model_with_gradients([3.0, 4.0], [1.0])
    model[1].grad = None
    assert clip(model, "norm", threshold=1.0).norm_by_layer == {"0": pytest.approx(5.0)}


def test_layer_names() -> None:
    assert layer_of("layers.1.forward_cell.weight_ih_l0") == "layers.1"
    assert layer_of("output.weight") == "output"
