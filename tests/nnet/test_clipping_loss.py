"""Loss clipping: partially Huberised cross-entropy."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from pipeline.nnet.clipping.loss import partially_huberised_cross_entropy

IGNORED = -100


def loss_of(logits: torch.Tensor, targets: torch.Tensor, tau: float) -> float:
    return partially_huberised_cross_entropy(logits, targets, tau, IGNORED).item()


def test_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.8, 0.2], [0.8, 0.2]]))
    targets = torch.tensor([0, 1])
    # tau 2: 0.8 > 1/2 gives -log 0.8; 0.2 gives -2 * 0.2 + log 2 + 1.
    line = -0.4 + math.log(2.0) + 1.0
    assert loss_of(logits, targets, 2.0) == pytest.approx((-math.log(0.8) + line) / 2)
    assert loss_of(logits, torch.tensor([IGNORED, 1]), 2.0) == pytest.approx(line)


def test_both_pieces_meet_with_the_same_slope() -> None:
    tau, step = 4.0, 1e-4

    def at(probability: float) -> float:
        logits = torch.tensor([[probability, 1.0 - probability]], dtype=torch.float64).log()
        return loss_of(logits, torch.tensor([0]), tau)

    left = (at(0.25) - at(0.25 - step)) / step
    right = (at(0.25 + step) - at(0.25)) / step
    assert left == pytest.approx(-tau, rel=1e-2)
    assert right == pytest.approx(-tau, rel=1e-2)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_large_tau_is_cross_entropy(smoothing: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(9, 5)
    targets = torch.randint(5, (9,))
    targets[3] = IGNORED
    expected = functional.cross_entropy(
        logits, targets, ignore_index=IGNORED, label_smoothing=smoothing
    )
    loss = partially_huberised_cross_entropy(logits, targets, 1e6, IGNORED, smoothing)
    torch.testing.assert_close(loss, expected)


def test_a_wrong_label_pulls_less_the_more_improbable_it_is() -> None:
    pulls = []
    for distance in (0.0, 4.0, 8.0, 16.0):
        logits = torch.tensor([[distance, 0.0]], requires_grad=True)
        partially_huberised_cross_entropy(logits, torch.tensor([1]), 2.0, IGNORED).backward()
        assert logits.grad is not None
        pulls.append(logits.grad.norm().item())
    assert pulls == sorted(pulls, reverse=True)
    assert pulls[-1] < 1e-5  # plain cross-entropy: sqrt(2)
