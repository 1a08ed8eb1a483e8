"""Clipping methods with a history: cases worked by hand, and the same numbers after a resume."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.nnet.clipping.base import Clipper, ClippingStatistics
from pipeline.nnet.clipping.history import NormHistory
from tests.nnet.gradients import make, model_with_gradients

WITH_HISTORY: dict[str, dict[str, Any]] = {
    "median": {"history": 7, "warmup_steps": 5},
    "autoclip": {"history": 9, "threshold": 60.0},
    "zclip": {"warmup_steps": 6},
    "adagc": {"warmup_steps": 4},
}


def norms_after(clipper: Clipper, model: torch.nn.ParameterList, norms: list[float]) -> list[float]:
    """Norms after clipping of gradients with the given norms, one a step."""
    return [step(clipper, model, [norm]).norm_after for norm in norms]


def step(
    clipper: Clipper, model: torch.nn.ParameterList, gradient: list[float]
) -> ClippingStatistics:
    """Clip one number a parameter."""
    for parameter, value in zip(model, gradient, strict=True):
        parameter.grad = torch.tensor([value])
    return clipper()


def test_history_against_numpy() -> None:
    rng = np.random.default_rng(0)
    values = [*rng.lognormal(size=60), *[1.0] * 8, *rng.lognormal(size=30)]
    history = NormHistory(25)
    for i, value in enumerate(values, 1):
        history.add(value)
        kept = values[max(0, i - 25) : i]
        assert history.state() == kept
        for percent in (0.0, 10.0, 33.0, 50.0, 97.5, 100.0):
            expected = np.percentile(kept, percent)
            assert history.percentile(percent) == pytest.approx(expected, rel=1e-12)


def test_median_by_hand() -> None:
    model = model_with_gradients([0.0])
    model[0].data.fill_(1.0)  # RMS 1: plain norms
    clipper = make(model, "median", threshold=2.0, history=3, warmup_steps=3)
    # No threshold in three steps; then 2 * median of the three norms before.
    after = norms_after(clipper, model, [1.0, 50.0, 2.0, 10.0, 30.0, 5.0])
    assert after == pytest.approx([1.0, 50.0, 2.0, 4.0, 20.0, 5.0], rel=1e-5)


def test_median_weighs_each_tensor_by_its_values() -> None:
    model = model_with_gradients([0.0], [0.0])
    model[0].data.fill_(2.0)
    model[1].data.fill_(0.5)
    clipper = make(model, "median", threshold=1.0, history=1, warmup_steps=1)
    step(clipper, model, [3.0, 16.0])  # sqrt(6^2 + 8^2) = 10
    statistics = step(clipper, model, [6.0, 32.0])  # 20: halved
    assert statistics.coefficient == pytest.approx(0.5, rel=1e-5)
    assert statistics.threshold == pytest.approx(0.5 * math.hypot(6.0, 32.0))


def test_autoclip_by_hand() -> None:
    model = model_with_gradients([0.0])
    clipper = make(model, "autoclip", threshold=50.0)
    # Medians of 4; 4 8; 4 8 1; 4 8 1 9.
    after = norms_after(clipper, model, [4.0, 8.0, 1.0, 9.0])
    assert after == pytest.approx([4.0, 6.0, 1.0, 6.0], rel=1e-5)


def test_zclip_by_hand() -> None:
    model = model_with_gradients([0.0])
    clipper = make(model, "zclip", warmup_steps=4, decay=0.9, threshold=2.0)
    assert norms_after(clipper, model, [1.0, 3.0, 1.0, 3.0]) == [1.0, 3.0, 1.0, 3.0]
    # mu 2, sigma 1: 3.5 has z 1.5 and stays; then mu 2.15, variance 0.9 + 0.1 * 1.35^2.
    assert norms_after(clipper, model, [3.5]) == [3.5]
    mean, variance = 2.15, 0.9 + 0.1 * 1.35**2
    sigma = math.sqrt(variance)
    z = (10.0 - mean) / sigma
    clipped = mean + 4.0 * sigma / z
    assert norms_after(clipper, model, [10.0]) == pytest.approx([clipped], rel=1e-5)
    state = clipper.state_dict()  # the average takes the clipped norm
    assert state["mean"] == pytest.approx(0.9 * mean + 0.1 * clipped, rel=1e-5)
    assert state["variance"] == pytest.approx(
        0.9 * variance + 0.1 * (clipped - state["mean"]) ** 2, rel=1e-5
    )


def test_zclip_with_a_bound_at_all_times() -> None:
    model = model_with_gradients([0.0])
    clipper = make(model, "zclip", warmup_steps=2, max_norm=1.5)
    after = norms_after(clipper, model, [1.0, 30.0, 2.0])
    assert after == pytest.approx([1.0, 1.5, 1.5], rel=1e-5)


def test_adagc_by_hand() -> None:
    model = model_with_gradients([0.0], [0.0])
    options = {"threshold": 2.0, "decay": 0.5, "warmup_steps": 2, "warmup_threshold": 5.0}
    clipper = make(model, "adagc", **options)
    first = step(clipper, model, [3.0, 4.0])  # norm 5: stays; gamma 3, 4
    assert not first.clipped
    second = step(clipper, model, [6.0, 8.0])  # halved to 3, 4; gamma the smaller of both
    assert second.norm_after == pytest.approx(5.0, rel=1e-5)
    third = step(clipper, model, [2.0, 20.0])  # 2 <= 2 * 3 stays, 20 -> 2 * 4
    assert [p.grad.item() for p in model if p.grad is not None] == pytest.approx([2.0, 8.0])
    assert third.share_clipped == 0.5
    assert clipper.state_dict()["gamma"] == pytest.approx({"0": 2.5, "1": 6.0}, rel=1e-5)


def test_adagc_does_not_hold_a_tensor_at_zero() -> None:
    model = model_with_gradients([0.0], [0.0])
    clipper = make(model, "adagc", warmup_steps=2)
    for _ in range(3):
        step(clipper, model, [1.0, 0.0])
    step(clipper, model, [1.0, 3.0])
    assert model[1].grad is not None
    assert model[1].grad.item() == 3.0


@pytest.mark.parametrize("method", WITH_HISTORY)
@pytest.mark.parametrize("cut", [3, 15])
def test_the_same_numbers_after_a_resume(method: str, cut: int) -> None:
    norms = np.random.default_rng(1).lognormal(sigma=1.5, size=40).tolist()
    model = model_with_gradients([0.0])
    whole = norms_after(make(model, method, **WITH_HISTORY[method]), model, norms)
    first = make(model, method, **WITH_HISTORY[method])
    parts = norms_after(first, model, norms[:cut])
    second = make(model, method, **WITH_HISTORY[method])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert parts + norms_after(second, model, norms[cut:]) == whole
    anew = parts + norms_after(make(model, method, **WITH_HISTORY[method]), model, norms[cut:])
    assert anew != whole or cut < 5  # the history matters


@pytest.mark.parametrize("method", WITH_HISTORY)
def test_a_spike_is_clipped_to_what_was_usual(method: str) -> None:
    model = model_with_gradients([0.0])
    clipper = make(model, method, **WITH_HISTORY[method])
    usual = np.random.default_rng(2).uniform(0.9, 1.1, size=30).tolist()
    norms_after(clipper, model, usual)
    assert norms_after(clipper, model, [1000.0])[0] < 3.0
    assert norms_after(clipper, model, usual)[-1] > 0.8  # and is forgotten
