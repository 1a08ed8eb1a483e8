"""Schedules at points worked by hand; optimisers take the options."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.config import TrainOptions
from pipeline.nnet.optimization import Schedule, make_optimizer


def options(**values: object) -> TrainOptions:
    base = {"learning_rate": 1e-2, "final_learning_rate": 1e-4, "warmup_steps": 0}
    return TrainOptions.model_validate({**base, **values})


@pytest.mark.parametrize(
    ("schedule", "at_start", "at_half", "at_end"),
    [
        ("constant", 1e-2, 1e-2, 1e-2),
        ("exponential", 1e-2, 1e-3, 1e-4),
        ("cosine", 1e-2, 0.5 * (1e-2 + 1e-4), 1e-4),
        ("plateau", 1e-2, 1e-2, 1e-2),
    ],
)
def test_rates(schedule: str, at_start: float, at_half: float, at_end: float) -> None:
    rate = Schedule(options(schedule=schedule)).rate
    assert [rate(9, p) for p in (0.0, 0.5, 1.0)] == pytest.approx([at_start, at_half, at_end])


def test_warmup_rises_linearly() -> None:
    rate = Schedule(options(schedule="constant", warmup_steps=4)).rate
    assert [rate(step, 0.0) for step in range(6)] == pytest.approx(
        [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01]
    )


def test_plateau_halves_after_an_epoch_without_gain_down_to_the_final_rate() -> None:
    schedule = Schedule(options(schedule="plateau"))
    for loss in (2.0, 1.0):
        schedule.end_epoch(loss)
    assert schedule.rate(0, 0.5) == pytest.approx(1e-2)
    schedule.end_epoch(1.0)
    assert schedule.rate(0, 0.5) == pytest.approx(5e-3)
    other = Schedule(options(schedule="plateau"))
    other.load_state_dict(schedule.state_dict())
    for same in (schedule, other):
        for _ in range(20):
            same.end_epoch(1.5)
        assert same.rate(0, 0.5) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_optimizers_lower_a_quadratic(name: str, kind: type[torch.optim.Optimizer]) -> None:
    model = nn.Linear(3, 1)
    optimizer = make_optimizer(model, options(optimizer=name, weight_decay=0.1))
    assert type(optimizer) is kind
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (model(torch.ones(1, 3)) - 5.0).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
