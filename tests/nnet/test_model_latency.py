"""Latency: what a frame's output depends on, against what the network says of itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.nnet.latency_controlled import run_layers
from pipeline.nnet.layers import Lengths, RecurrentLayer
from tests.nnet.test_model import KINDS, SUBSAMPLED, TDNN, make
from tests.nnet.toy_data import DIM

NUM_FRAMES = 40
MORE: dict[str, dict[str, Any]] = {
    "splicing and deltas": {"type": "lstm", "splice_context": 2, "deltas": 2},
    "delay": {"type": "lstm", "target_delay": 3, "splice_context": 1},
    "delay, subsampled": {"type": "lstm", "target_delay": 4, "frame_subsampling": 3},
    "tdnn_lstm, delay": {**TDNN, "target_delay": 2, "splice_context": 1},
    "lc_blstm, no right context": {"type": "lc_blstm", "chunk_frames": 5, "right_context": 0},
    "lc_blstm, four layers": {
        **{"type": "lc_blstm", "chunk_frames": 3, "right_context": 7},
        "num_layers": 4,
    },
}


def furthest_look_ahead(options: dict[str, Any]) -> int:
    """Frames after t that move the output of t, at most, by changing the input frame by frame."""
    model = make(**options).double()
    delay = model.options.target_delay
    torch.manual_seed(2)
    frames = torch.randn(1, NUM_FRAMES, DIM, dtype=torch.float64)
    lengths = torch.tensor([NUM_FRAMES])

    def outputs(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return model(inputs, lengths)[0, delay:]  # row t is frame t

    before, furthest = outputs(frames), 0
    for changed in range(NUM_FRAMES - 4):  # the last ones also stand for what follows them
        other = frames.clone()
        other[0, changed] += 1.0
        moved = (outputs(other) != before).any(dim=1).nonzero().flatten()
        if len(moved):
            furthest = max(furthest, changed - int(moved[0]))
    return furthest


@pytest.mark.parametrize("kind", [kind for kind in KINDS | SUBSAMPLED | MORE if kind != "blstm"])
def test_latency_is_exactly_what_the_network_says(kind: str) -> None:
    options = (KINDS | SUBSAMPLED | MORE)[kind]
    latency = make(**options).latency_frames
    if options["type"] == "blstm":
        assert latency is None
        assert furthest_look_ahead(options) > NUM_FRAMES - 8
    else:
        assert furthest_look_ahead(options) == latency


def test_latency_by_hand() -> None:
    assert make(type="lstm").latency_frames == 0
    assert make(**MORE["splicing and deltas"]).latency_frames == 2 + 4
    assert make(**MORE["delay"]).latency_frames == 3 + 1
    assert make(**KINDS["lc_blstm"]).latency_frames == 4 - 1 + 2
    assert make(**TDNN).latency_frames == 1 + 1 + 2
    assert make(**SUBSAMPLED["tdnn_lstm, subsampled"]).latency_frames == 3 * 4 + 1 + 1


@pytest.mark.parametrize(("chunk_frames", "right_context"), [(12, 0), (30, 7)])
def test_one_chunk_is_a_blstm(chunk_frames: int, right_context: int) -> None:
    blstm = make(type="blstm", num_layers=3)
    chunked = make(
        **{"type": "lc_blstm", "num_layers": 3},
        chunk_frames=chunk_frames,
        right_context=right_context,
    )
    chunked.load_state_dict(blstm.state_dict())
    frames, lengths = torch.randn(3, 12, DIM), torch.tensor([12, 7, 1])
    expected, output = blstm(frames, lengths), chunked(frames, lengths)
    for i, length in enumerate(lengths):
        torch.testing.assert_close(output[i, :length], expected[i, :length])


def chunk_by_chunk(layers: list[RecurrentLayer], frames: Tensor, centre: int, right: int) -> Tensor:
    """One utterance (T, I) as the paper tells it: the whole stack over one chunk after another."""
    states: list[Any] = [None] * len(layers)
    outputs = []
    for start in range(0, len(frames), centre):
        chunk = frames[start : start + centre + right].unsqueeze(0)
        for i, layer in enumerate(layers):
            assert layer.backward_cell is not None
            middle, states[i] = layer.forward_cell(chunk[:, :centre], states[i])
            forward = middle
            if chunk.shape[1] > centre:
                ahead, _ = layer.forward_cell(chunk[:, centre:], states[i])
                forward = torch.cat([middle, ahead], dim=1)
            backward, _ = layer.backward_cell(chunk.flip(1))
            chunk = torch.cat([forward, backward.flip(1)], dim=2)
        outputs.append(chunk[0, :centre])
    return torch.cat(outputs)


@pytest.mark.parametrize(("centre", "right"), [(4, 2), (3, 8), (5, 0), (1, 1)])
def test_chunks_at_once_as_one_after_another(centre: int, right: int) -> None:
    torch.manual_seed(3)
    layers = [RecurrentLayer("blstm", 5, 6), RecurrentLayer("blstm", 12, 4)]
    frames, lengths = torch.randn(3, 11, 5), torch.tensor([11, 8, 2])
    output = run_layers(layers, frames, lengths, centre, right)
    assert output.shape == (3, 11, 8)
    for i, length in enumerate(lengths.tolist()):
        expected = chunk_by_chunk(layers, frames[i, :length], centre, right)
        torch.testing.assert_close(output[i, :length], expected)


def test_the_forward_direction_never_forgets_at_a_border() -> None:
    torch.manual_seed(4)
    layer = RecurrentLayer("blstm", 5, 6)
    frames, lengths = torch.randn(2, 13, 5), torch.tensor([13, 13])
    whole = layer(frames, Lengths(lengths, 13))
    chunked = run_layers([layer], frames, lengths, 4, 1)
    torch.testing.assert_close(chunked[:, :, :6], whole[:, :, :6])
    assert not torch.allclose(chunked[:, :, 6:], whole[:, :, 6:], atol=1e-3)
