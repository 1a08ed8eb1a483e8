"""Max-change clips the optimiser's update, and undoes one that is not finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.nnet.gradients import make


def two_layers() -> nn.Sequential:
    """Components 0 (weight and bias) and 1, all values zero."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False))
    for parameter in model.parameters():
        parameter.data.zero_()
    return model


def values(model: nn.Module) -> list[float]:
    return [parameter.item() for parameter in model.parameters()]


def test_max_change_by_hand() -> None:
    model = two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    clipper = make(model, "max_change", threshold=1.0, global_threshold=1.0)
    for parameter, gradient in zip(model.parameters(), [3.0, 4.0, 0.75], strict=True):
        parameter.grad = torch.full_like(parameter, gradient)
    statistics = clipper()
    assert not statistics.clipped
    optimizer.step()
    statistics = clipper.after_step(statistics, optimizer)
    # The first component's change of 5 is scaled to 1, then all (norm 1.25) to 1.
    assert values(model) == pytest.approx([-0.6 / 1.25, -0.8 / 1.25, -0.75 / 1.25])
    assert statistics.clipped
    assert statistics.update_norm_before == pytest.approx(math.sqrt(25 + 0.75**2))
    assert statistics.update_norm_after == pytest.approx(1.0)
    assert statistics.share_clipped == 0.5
    assert statistics.norm_after == statistics.norm_before


def test_small_updates_stay() -> None:
    model = two_layers()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    clipper = make(model, "max_change")
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    statistics = clipper()
    optimizer.step()
    assert not clipper.after_step(statistics, optimizer).clipped
    assert values(model) == pytest.approx([-0.1] * 3)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_update_that_is_not_finite_is_not_made_and_momentum_goes(kind: type) -> None:
    model = two_layers()
    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = kind(model.parameters(), lr=0.1, **options)
    clipper = make(model, "max_change")

    def one_step() -> bool:
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        statistics = clipper()
        optimizer.step()
        return clipper.after_step(statistics, optimizer).skipped

    assert not one_step()
    before = values(model)
    for state in optimizer.state.values():
        (state["momentum_buffer"] if "momentum_buffer" in state else state["exp_avg"]).fill_(
            math.inf
        )
    assert one_step()
    assert values(model) == before
    for state in optimizer.state.values():
        moments = [value for name, value in state.items() if name != "step"]
        assert all(float(value.abs().max()) == 0.0 for value in moments)
    assert not one_step()
    assert values(model) != before
