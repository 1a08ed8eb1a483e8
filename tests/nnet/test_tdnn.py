"""TDNN layers against torch's convolution, batch normalisation against torch's on real frames."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.nnet.layers import Lengths
from pipeline.nnet.tdnn import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, MaskedBatchNorm, TdnnLayer


def convolution(layer: TdnnLayer, frames: Tensor) -> Tensor:
    """(T, I) of one utterance -> (T, H) by torch.nn.functional.conv1d with repeated edges."""
    d = layer.dilation
    padded = functional.pad(frames.T.unsqueeze(0), (d, d), mode="replicate")
    taps = layer.affine.weight.unflatten(1, (3, -1)).transpose(1, 2)  # [H, I, 3]
    return functional.conv1d(padded, taps, layer.affine.bias, dilation=d)[0].T


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_tdnn_layer_is_a_dilated_convolution(dilation: int) -> None:
    torch.manual_seed(0)
    layer = TdnnLayer(4, 6, dilation, layer_norm=True, dropout=0.0)
    frames, lengths = torch.randn(3, 9, 4), [9, 5, 1]
    output = layer(frames, Lengths(torch.tensor(lengths), 9))
    for i, length in enumerate(lengths):
        expected = layer.norm(convolution(layer, frames[i, :length]).relu())
        torch.testing.assert_close(output[i, :length], expected)


def test_batch_norm_as_torch_on_the_real_frames() -> None:
    torch.manual_seed(1)
    norm = MaskedBatchNorm(4)
    reference = nn.BatchNorm1d(
        4, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM, affine=False
    )
    lengths = Lengths(torch.tensor([7, 3, 1]), 7)
    for _ in range(3):
        frames = 2.0 * torch.randn(3, 7, 4) + 1.0
        frames.requires_grad_()
        weights = torch.randn(11, 4)
        results = []
        for output in (norm(frames, lengths)[lengths.real], reference(frames[lengths.real])):
            (gradient,) = torch.autograd.grad((output * weights).sum(), frames)
            results.append((output, gradient))
        torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-5)
    norm.eval()
    reference.eval()
    frames = torch.randn(3, 7, 4)
    torch.testing.assert_close(norm(frames, lengths)[lengths.real], reference(frames[lengths.real]))


def test_a_batch_that_is_not_finite_leaves_the_running_moments() -> None:
    norm = MaskedBatchNorm(2)
    frames = torch.randn(1, 5, 2)
    norm(frames, Lengths(torch.tensor([5]), 5))
    kept = norm.running_mean.clone(), norm.running_variance.clone()
    frames[0, 2] = torch.nan
    norm(frames, Lengths(torch.tensor([5]), 5))
    torch.testing.assert_close((norm.running_mean, norm.running_variance), kept)
