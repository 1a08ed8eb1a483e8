"""Sequence filter: utterances that stand out from their batch are turned down."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.nnet.gradients import make


def two_layers() -> nn.ModuleList:
    torch.manual_seed(1)
    return nn.ModuleList([nn.LSTM(3, 4, batch_first=True), nn.LSTM(4, 5, batch_first=True)])


def backward(model: nn.ModuleList, weights: Tensor) -> dict[str, Tensor]:
    """Gradients of a loss in which utterance b counts `weights[b]` times."""
    torch.manual_seed(2)
    model.zero_grad()
    frames = torch.randn(len(weights), 6, 3)
    hidden, _ = model[0](frames)
    output, _ = model[1](hidden)
    (output.square().mean(dim=(1, 2)) * weights).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def input_gradients(weights: Tensor) -> tuple[Tensor, Tensor]:
    """RMS of each utterance's gradient at the input of both layers, unfiltered: (N,) each."""
    model = two_layers()
    torch.manual_seed(2)
    frames = torch.randn(len(weights), 6, 3, requires_grad=True)
    hidden, _ = model[0](frames)
    output, _ = model[1](hidden)
    loss = (output.square().mean(dim=(1, 2)) * weights).sum()
    lower, upper = torch.autograd.grad(loss, [frames, hidden])
    return (
        lower.square().mean(dim=(1, 2)).sqrt(),
        upper.square().mean(dim=(1, 2)).sqrt(),
    )


def test_by_hand() -> None:
    weights = torch.tensor([1.0, 2.0, 1000.0])
    lower, upper = input_gradients(weights)
    model = two_layers()
    clipper = make(model, "sequence_filter", threshold=10.0)
    cutoff = 10.0 * upper.median()
    masks = cutoff / (cutoff + upper)  # of the upper layer
    # What the lower layer gets is linear in each utterance's weight: the masks act as weights.
    expected = backward(two_layers(), weights * masks)
    found = backward(model, weights)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"):
        torch.testing.assert_close(found[f"0.{name}"], expected[f"0.{name}"])
    # Then both layers' weights: by the harmonic mean of their own masks.
    statistics = clipper()
    after = {name: p.grad for name, p in model.named_parameters()}
    mean = 1.0 / (1.0 / masks).mean()
    torch.testing.assert_close(after["1.weight_hh_l0"], found["1.weight_hh_l0"] * mean)
    filtered = lower * masks
    cutoff = 10.0 * filtered.median()
    mean = 1.0 / ((cutoff + filtered) / cutoff).mean()
    torch.testing.assert_close(after["0.weight_hh_l0"], found["0.weight_hh_l0"] * mean)
    assert statistics.clipped
    assert statistics.coefficient == pytest.approx(statistics.norm_after / statistics.norm_before)


def test_an_utterance_that_explodes_is_held_down_and_the_others_stay() -> None:
    norms = []
    for weight in (1.0, 1e3, 1e6, 1e9):
        model = two_layers()
        clipper = make(model, "sequence_filter")
        backward(model, torch.tensor([1.0, 1.0, 1.0, 1.0, weight]))
        norms.append(clipper().norm_after)
    assert norms[-1] < 60 * norms[0]  # 5 utterances * threshold 10, and a little
    assert norms[-1] == pytest.approx(norms[-2], rel=0.01)  # bounded


def test_equal_utterances_are_scaled_alike_whatever_their_size() -> None:
    for weight in (1.0, 1e6):
        model = two_layers()
        clipper = make(model, "sequence_filter")
        torch.manual_seed(0)
        frames = torch.randn(1, 6, 3).expand(4, 6, 3)
        (model[0](frames)[0].square().sum() * weight).backward()
        statistics = clipper()
        assert not statistics.clipped
        # cutoff / (cutoff + n) with cutoff 10 n.
        assert statistics.coefficient == pytest.approx(10.0 / 11.0, rel=1e-4)


def test_a_batch_without_gradient() -> None:
    model = two_layers()
    clipper = make(model, "sequence_filter")
    backward(model, torch.zeros(3))
    statistics = clipper()
    assert statistics.norm_after == 0.0
    assert not statistics.skipped


SCRIPT = """
import sys
import torch
from torch import distributed
from tests.nnet.gradients import make
from tests.nnet.test_clipping_sequences import backward, two_layers

rank = int(sys.argv[1])
distributed.init_process_group(
    "gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2
)
model = two_layers()
clipper = make(model, "sequence_filter")
weights = torch.ones(4)
weights[0] = 1.0 if rank == 0 else 1000.0  # an outlier in one process alone
backward(model, weights)
for parameter in model.parameters():  # as DistributedDataParallel leaves them
    parameter.grad = torch.ones_like(parameter)
clipper()
print(*[parameter.grad.flatten()[0].item() for parameter in model.parameters()])
"""


def test_processes_that_train_together_scale_alike(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT]
    running = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store")],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    first, second = ([float(x) for x in p.communicate()[0].split()] for p in running)
    assert first == second
    assert len(first) == 8
    assert all(math.isfinite(factor) and 0.1 < factor < 0.9 for factor in first)
