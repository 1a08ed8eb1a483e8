"""Networks: padding never matters, sizes are as counted by hand, both directions as torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.config import ModelOptions
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.layers import Lengths, RecurrentLayer, hold_last, reverse
from pipeline.nnet.model import AcousticModel
from tests.nnet.toy_data import DIM, NUM_PDFS, feature_set

TDNN: dict[str, Any] = {"type": "tdnn_lstm", "tdnn_dilations": [[1], [1, 2]]}
KINDS: dict[str, dict[str, Any]] = {
    "drnn": {"type": "drnn"},
    "lstm": {"type": "lstm"},
    "lstmp": {"type": "lstmp", "projection_dim": 4},
    "blstm": {"type": "blstm"},
    "lc_blstm": {"type": "lc_blstm", "chunk_frames": 4, "right_context": 2},
    "tdnn_lstm": TDNN,
    "tdnn_lstm with projection and layer norm": {
        **TDNN,
        "projection_dim": 7,
        "layer_norm": True,
    },
    "with everything": {
        "type": "blstm",
        "layer_norm": True,
        "dropout": 0.2,
        "splice_context": 1,
        "deltas": 2,
    },
}
SUBSAMPLED = {
    f"{kind}, subsampled": {**KINDS[kind], "frame_subsampling": 3, "splice_context": 1}
    for kind in ("drnn", "lstm", "lstmp", "blstm", "lc_blstm", "tdnn_lstm")
}


def make(**options: Any) -> AcousticModel:
    torch.manual_seed(0)
    settings = ModelOptions.model_validate({"hidden_dim": 8, **options})
    return AcousticModel(settings, DIM, NUM_PDFS).eval()


@pytest.mark.parametrize("kind", KINDS | SUBSAMPLED)
@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, 14), min_size=2, max_size=5))
def test_an_utterance_alone_and_in_a_padded_batch(kind: str, lengths: list[int]) -> None:
    model = make(**(KINDS | SUBSAMPLED)[kind])
    store = FrameStore(feature_set(lengths))
    batch = store.pad(range(len(lengths)))
    together = model(batch.features, batch.lengths)
    assert together.shape == (len(lengths), max(lengths), NUM_PDFS)
    for i, length in enumerate(lengths):
        alone = store.pad([i])
        expected = model(alone.features, alone.lengths)[0]
        torch.testing.assert_close(together[i, :length], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS | SUBSAMPLED)
def test_padding_gets_no_gradient_into_the_weights(kind: str) -> None:
    model = make(**(KINDS | SUBSAMPLED)[kind])
    batch = FrameStore(feature_set([3, 9])).pad([0, 1])

    def gradient(features: torch.Tensor) -> list[torch.Tensor]:
        output = model(features, batch.lengths)
        loss = output[0, :3].square().sum() + output[1].square().sum()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    disturbed = batch.features.clone()
    reach = model.front_end.right_context  # frames that deltas and splicing look ahead
    disturbed[0, 3 + reach :] += 10.0
    for a, b in zip(gradient(batch.features), gradient(disturbed), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_both_directions_as_torch_on_packed_sequences() -> None:
    torch.manual_seed(1)
    layer = RecurrentLayer("blstm", 3, 4)
    reference = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    assert layer.backward_cell is not None
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        reference.get_parameter(name).data.copy_(layer.forward_cell.get_parameter(name))
        backward = reference.get_parameter(f"{name}_reverse")
        backward.data.copy_(layer.backward_cell.get_parameter(name))
    frames = torch.randn(3, 6, 3)
    lengths = torch.tensor([6, 4, 1])
    packed = pack_padded_sequence(frames, lengths, batch_first=True)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    output = layer(frames, Lengths(lengths, 6))
    for i, length in enumerate(lengths):
        torch.testing.assert_close(output[i, :length], expected[i, :length])


def test_reverse_and_its_gradient() -> None:
    frames = torch.arange(8.0).view(2, 4, 1).requires_grad_()
    lengths = Lengths(torch.tensor([4, 2]), 4)
    output = reverse(frames, lengths)
    assert output.flatten().tolist() == [3, 2, 1, 0, 5, 4, 6, 7]
    (output.flatten() * torch.arange(8.0)).sum().backward()
    assert frames.grad is not None
    assert frames.grad.flatten().tolist() == [3, 2, 1, 0, 5, 4, 6, 7]


def test_the_last_frame_is_held() -> None:
    frames = torch.arange(8.0).view(2, 4, 1)
    held = hold_last(frames, Lengths(torch.tensor([4, 2]), 4))
    assert held.flatten().tolist() == [0, 1, 2, 3, 4, 5, 5, 5]


def test_number_of_parameters_by_hand() -> None:
    # LSTM: 4 gates of (input + hidden + 2 biases) * hidden.
    lstm = 4 * 8 * (DIM + 8 + 2) + 4 * 8 * (8 + 8 + 2) + (8 + 1) * NUM_PDFS
    assert make(type="lstm").num_parameters == lstm
    # Projected: the recurrence is 4 wide, a projection of 4 * 8 is added.
    first, second = 4 * 8 * (DIM + 4 + 2) + 32, 4 * 8 * (4 + 4 + 2) + 32
    assert make(**KINDS["lstmp"]).num_parameters == first + second + (4 + 1) * NUM_PDFS
    drnn = 8 * (DIM + 8 + 2) + 8 * (8 + 8 + 2) + (8 + 1) * NUM_PDFS
    assert make(type="drnn").num_parameters == drnn
    both = 2 * (4 * 8 * (DIM + 8 + 2) + 4 * 8 * (16 + 8 + 2)) + (16 + 1) * NUM_PDFS
    assert make(**KINDS["blstm"]).num_parameters == both
    assert make(**KINDS["lc_blstm"]).num_parameters == both
    # Two TDNN layers of 8 * (3 * 8 + 1) after the first one, which reads the input.
    tdnn = 8 * (3 * DIM + 1) + 2 * 8 * (3 * 8 + 1) + 2 * (4 * 8 * (8 + 8 + 2))
    assert make(**TDNN).num_parameters == tdnn + (8 + 1) * NUM_PDFS


@pytest.mark.parametrize("kind", ["drnn", "lstm", "lstmp", "blstm", "lc_blstm", "tdnn_lstm"])
def test_every_type_has_dropout_and_layer_norm(kind: str) -> None:
    frames, lengths = torch.randn(2, 8, DIM), torch.tensor([8, 8])
    plain = make(**KINDS[kind], layer_norm=True)
    dropped = make(**KINDS[kind], layer_norm=True, dropout=0.5)
    norms = [module for module in plain.modules() if isinstance(module, nn.LayerNorm)]
    assert len(norms) == len(plain.layers)
    dropped.load_state_dict(plain.state_dict())
    torch.testing.assert_close(plain(frames, lengths), dropped(frames, lengths))
    plain.train()
    torch.testing.assert_close(plain(frames, lengths), plain(frames, lengths))
    dropped.train()
    assert not torch.allclose(dropped(frames, lengths), dropped(frames, lengths))


@pytest.mark.parametrize(
    "options",
    [
        {"type": "lstmp"},
        {"type": "lstm", "projection_dim": 4},
        {"type": "lstmp", "projection_dim": 8},
        {"type": "blstm", "target_delay": 3},
        {**KINDS["lc_blstm"], "target_delay": 3},
        {**KINDS["lc_blstm"], "projection_dim": 4},
        {"type": "lc_blstm"},
        {"type": "lc_blstm", "chunk_frames": 4},
        {"type": "blstm", "chunk_frames": 4},
        {"type": "tdnn_lstm"},
        {"type": "tdnn_lstm", "tdnn_dilations": [[1]]},
        {"type": "lstm", "tdnn_dilations": [[1], [1]]},
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, Any]) -> None:
    names = "projection_dim|target_delay|chunk_frames|right_context|tdnn_dilations"
    with pytest.raises(ValidationError, match=names):
        ModelOptions.model_validate({"hidden_dim": 8, **options})
