"""Networks: padding never matters, sizes are as counted by hand, both directions as torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.config import ModelOptions
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.layers import Lengths, RecurrentLayer, reverse
from pipeline.nnet.model import AcousticModel
from tests.nnet.toy_data import DIM, NUM_PDFS, feature_set

KINDS: dict[str, dict[str, Any]] = {
    "drnn": {"type": "drnn"},
    "lstm": {"type": "lstm"},
    "lstmp": {"type": "lstmp", "projection_dim": 4},
    "blstm": {"type": "blstm"},
    "with everything": {
        "type": "blstm",
        "layer_norm": True,
        "dropout": 0.2,
        "splice_context": 1,
        "deltas": 2,
    },
}


def make(**options: Any) -> AcousticModel:
    torch.manual_seed(0)
    settings = ModelOptions.model_validate({"hidden_dim": 8, **options})
    return AcousticModel(settings, DIM, NUM_PDFS).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_an_utterance_alone_and_in_a_padded_batch(kind: str) -> None:
    model = make(**KINDS[kind])
    store = FrameStore(feature_set([3, 11, 1, 7]))
    batch = store.pad([0, 1, 2, 3])
    together = model(batch.features, batch.lengths)
    assert together.shape == (4, 11, NUM_PDFS)
    for i, length in enumerate(store.num_frames):
        alone = store.pad([i])
        expected = model(alone.features, alone.lengths)[0]
        torch.testing.assert_close(together[i, :length], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_gets_no_gradient_into_the_weights(kind: str) -> None:
    model = make(**KINDS[kind])
    batch = FrameStore(feature_set([3, 9])).pad([0, 1])

    def gradient(features: torch.Tensor) -> list[torch.Tensor]:
        output = model(features, batch.lengths)
        loss = output[0, :3].square().sum() + output[1].square().sum()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    disturbed = batch.features.clone()
    reach = 5 if kind == "with everything" else 0  # frames that deltas and splicing look ahead
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


def test_number_of_parameters_by_hand() -> None:
    # LSTM: 4 gates of (input + hidden + 2 biases) * hidden.
    lstm = 4 * 8 * (DIM + 8 + 2) + 4 * 8 * (8 + 8 + 2) + (8 + 1) * NUM_PDFS
    assert make(type="lstm").num_parameters == lstm
    # Projected: the recurrence is 4 wide, a projection of 4 * 8 is added.
    first, second = 4 * 8 * (DIM + 4 + 2) + 32, 4 * 8 * (4 + 4 + 2) + 32
    assert make(**KINDS["lstmp"]).num_parameters == first + second + (4 + 1) * NUM_PDFS
    drnn = 8 * (DIM + 8 + 2) + 8 * (8 + 8 + 2) + (8 + 1) * NUM_PDFS
    assert make(type="drnn").num_parameters == drnn


def test_only_a_blstm_sees_the_future() -> None:
    for kind in ("drnn", "lstm", "lstmp", "blstm"):
        model = make(**KINDS[kind])
        frames = torch.randn(1, 8, DIM)
        changed = frames.clone()
        changed[0, 5:] += 1.0
        lengths = torch.tensor([8])
        same = torch.equal(model(frames, lengths)[0, :5], model(changed, lengths)[0, :5])
        assert same == (kind != "blstm")


@pytest.mark.parametrize(
    "options",
    [
        {"type": "lstmp"},
        {"type": "lstm", "projection_dim": 4},
        {"type": "lstmp", "projection_dim": 8},
        {"type": "blstm", "target_delay": 3},
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"projection_dim|target_delay"):
        ModelOptions.model_validate({"hidden_dim": 8, **options})
