"""Backpropagation through time by hand: as torch if nothing is clipped, else as autograd."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.io.errors import UserError
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.clipping.recurrence import FrameClipping, clip_frames
from tests.nnet.gradients import make
from tests.nnet.recurrent_reference import unrolled
from tests.nnet.test_model import KINDS
from tests.nnet.test_model import make as make_model
from tests.nnet.toy_data import feature_set

LOSS_SCALE = 0.1


def cell_of(kind: str, scale: float = 1.0) -> nn.RNNBase:
    torch.manual_seed(3)
    cell: nn.RNNBase
    if kind == "rnn":
        cell = nn.RNN(3, 5, batch_first=True)
    else:
        cell = nn.LSTM(3, 5, batch_first=True, proj_size=2 if kind == "projected" else 0)
    for parameter in cell.parameters():
        parameter.data *= scale
    return cell


def gradients(cell: nn.RNNBase, output: Tensor, frames: Tensor) -> list[Tensor]:
    """Of a loss that weighs every output differently, for frames and weights."""
    torch.manual_seed(4)
    loss = (output * torch.randn(output.shape)).sum()
    return list(torch.autograd.grad(loss, [frames, *cell.parameters()]))


def some_frames() -> Tensor:
    torch.manual_seed(5)
    return torch.randn(4, 23, 3, requires_grad=True)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "projected"])
def test_without_clipping_it_is_torch(kind: str) -> None:
    cell, frames = cell_of(kind), some_frames()
    expected = gradients(cell, cell(frames)[0], frames)
    cell.register_forward_hook(lambda *call: clip_frames(call[0], FrameClipping(), *call[1:]))
    found = gradients(cell, cell(frames)[0], frames)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "projected"])
def test_first_and_last_states_have_gradients_too(kind: str) -> None:
    cell, frames = cell_of(kind), some_frames()

    def in_two_parts() -> list[Tensor]:
        first, state = cell(frames[:, :9])
        second, last = cell(frames[:, 9:], state)
        end = torch.cat(list(last), 2) if isinstance(last, tuple) else last
        output = torch.cat([first.flatten(1), second.flatten(1), end[0]], dim=1)
        return gradients(cell, output, frames)

    expected = in_two_parts()
    cell.register_forward_hook(lambda *call: clip_frames(call[0], FrameClipping(), *call[1:]))
    for a, b in zip(in_two_parts(), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "projected"])
@pytest.mark.parametrize("threshold", [0.5, 3.0])
def test_time_step_clipping_as_hooks_on_every_frame(kind: str, threshold: float) -> None:
    cell, frames = cell_of(kind, 1.5), some_frames()
    bound = threshold * LOSS_SCALE
    seen: list[Tensor] = []

    def clamp(gradient: Tensor) -> Tensor:
        seen.append(gradient.clamp(-bound, bound))
        return seen[-1]

    expected = gradients(cell, unrolled(cell, frames, gate_hook=clamp), frames)
    clipper = make(cell, "time_step", threshold=threshold)
    clipper.before_backward(LOSS_SCALE)
    found = gradients(cell, cell(frames)[0], frames)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    share = float((torch.stack(seen).abs() >= bound).float().mean())
    assert 0.0 < share < 1.0
    statistics = clipper()
    assert statistics.clipped
    assert statistics.share_clipped == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "projected"])
def test_truncation_as_hooks_on_every_state(kind: str) -> None:
    cell, frames = cell_of(kind, 1.5), some_frames()
    changed = 0

    def truncate(t: int, gradient: Tensor) -> Tensor:
        nonlocal changed
        rows = []
        for n, row in enumerate(gradient / LOSS_SCALE):
            norm = row.norm().item()
            kept = min(1.0, 6.0 / norm) if norm else 1.0
            if (t - n) % 5 == 0 and norm > 2.0:
                kept = 0.0
            changed += kept < 1.0
            rows.append(row * kept * LOSS_SCALE)
        return torch.stack(rows)

    expected = gradients(cell, unrolled(cell, frames, state_hook=truncate), frames)
    clipper = make(cell, "truncation", threshold=6.0, zeroing_threshold=2.0, zeroing_frames=5)
    clipper.before_backward(LOSS_SCALE)
    found = gradients(cell, cell(frames)[0], frames)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    assert changed > 10
    assert clipper().share_clipped == pytest.approx(changed / (4 * 23), abs=0.02)


@pytest.mark.parametrize("kind", ["lstm", "projected"])
def test_cells_are_kept_within_their_bound(kind: str) -> None:
    cell, frames = cell_of(kind, 2.0), some_frames()
    expected_output = unrolled(cell, frames, cell_clip=0.7)
    expected = gradients(cell, expected_output, frames)
    plain = cell(frames)[0].detach()
    make(cell, "time_step", threshold=1e6, cell_clip=0.7)
    output, (_, cells) = cell(frames)
    assert not torch.allclose(plain, output, atol=1e-2)
    assert cells.abs().max() <= 0.7
    torch.testing.assert_close(output, expected_output, atol=1e-5, rtol=1e-4)
    for a, b in zip(gradients(cell, output, frames), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    cell.eval()
    torch.testing.assert_close(cell(frames)[0], plain)  # in training only


TYPES: dict[str, dict[str, Any]] = {
    **KINDS,
    "lc_blstm": {"type": "lc_blstm", "chunk_frames": 4, "right_context": 2},
    "tdnn_lstm": {"type": "tdnn_lstm", "tdnn_dilations": [[1], [2]]},
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("method", ["time_step", "truncation"])
def test_bounds_that_nothing_reaches_change_nothing(method: str, kind: str) -> None:
    model = make_model(**{**TYPES[kind], "dropout": 0.0}).train()
    batch = FrameStore(feature_set([3, 11, 7])).pad([0, 1, 2])

    def gradient() -> list[Tensor]:
        loss = model(batch.features, batch.lengths).square().mean()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    expected = gradient()
    clipper = make(model, method, threshold=1e6)
    if method == "truncation":
        clipper = make(model, method, threshold=1e6, zeroing_threshold=1e6)
    clipper.before_backward(1.0)
    for a, b in zip(gradient(), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    assert clipper().share_clipped == 0.0


@pytest.mark.parametrize("method", ["time_step", "truncation", "sequence_filter"])
def test_inside_the_graph_until_the_last_epoch_with_clipping(method: str) -> None:
    cell, frames = cell_of("lstm"), some_frames()
    expected = gradients(cell, cell(frames)[0], frames)
    clipper = make(cell, method, threshold=1e-3, until_epoch=1)
    clipper.start_epoch(1)
    assert not torch.allclose(gradients(cell, cell(frames)[0], frames)[0], expected[0])
    clipper.start_epoch(2)
    for a, b in zip(gradients(cell, cell(frames)[0], frames), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("method", ["time_step", "truncation", "sequence_filter"])
def test_networks_that_have_no_place_for_it(method: str) -> None:
    with pytest.raises(UserError, match="the network has none; use norm"):
        make(nn.Linear(2, 2), method)
    with pytest.raises(UserError, match=r"cannot act inside GRU\(3, 4"):
        make(nn.GRU(3, 4, batch_first=True), method)
    with pytest.raises(UserError, match="cannot act inside"):
        make(nn.LSTM(3, 4, num_layers=2, batch_first=True), method)


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_mixed_precision_is_close_to_single(kind: str) -> None:
    cell, frames = cell_of(kind), some_frames()
    expected = gradients(cell, cell(frames)[0], frames)
    make(cell, "time_step", threshold=1e6)
    # Without oneDNN, whose LSTM has bf16 on some processors only.
    with torch.backends.mkldnn.flags(enabled=False), torch.autocast("cpu", torch.bfloat16):
        output = cell(frames)[0]
    for a, b in zip(gradients(cell, output.float(), frames), expected, strict=True):
        torch.testing.assert_close(a, b, atol=0.05 * float(b.abs().max()), rtol=0.0)
