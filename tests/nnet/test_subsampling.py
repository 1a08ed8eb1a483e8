"""Frame subsampling against loops over blocks; the loss and the outputs that follow from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from pipeline.nnet.batches import IGNORED, FrameStore
from pipeline.nnet.layers import Lengths
from pipeline.nnet.measures import batch_loss
from pipeline.nnet.subsampling import repeat_outputs, sample_targets, sampled_times
from tests.nnet.test_model import make
from tests.nnet.toy_data import NUM_PDFS, feature_set


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    factor=st.integers(2, 5),
    data=st.data(),
)
def test_times_and_targets_by_hand(lengths: list[int], factor: int, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, factor - 1))
    longest = max(lengths)
    targets = torch.full((len(lengths), longest), IGNORED)
    for row, length in enumerate(lengths):
        targets[row, :length] = torch.arange(length)  # the target of frame t is t
    ends = torch.tensor(lengths)
    times = sampled_times(ends, longest, factor, offset)
    sampled = sample_targets(targets, ends, factor, offset)
    for row, length in enumerate(lengths):
        starts = list(range(0, length, factor))
        expected = [min(start + offset, length - 1) for start in starts]
        assert times[row, : len(starts)].tolist() == expected
        assert sampled[row].tolist() == expected + [IGNORED] * (sampled.shape[1] - len(starts))


def test_every_frame_is_evaluated_in_some_epoch() -> None:
    lengths = torch.tensor([11])
    seen = {int(t) for offset in range(3) for t in sampled_times(lengths, 11, 3, offset)[0]}
    assert seen == set(range(11))


def test_outputs_stand_for_their_block() -> None:
    logits = torch.arange(6.0).view(1, 3, 2)
    rows = repeat_outputs(logits, 7, 3)[0, :, 0].tolist()
    assert rows == [0, 0, 0, 2, 2, 2, 4]


@pytest.mark.parametrize("delay", [0, 2])
def test_the_loss_is_that_of_the_evaluated_frames(delay: int) -> None:
    model = make(type="lstm", frame_subsampling=3, splice_context=1, target_delay=delay)
    features = feature_set([8, 3])
    pdfs = np.arange(features.num_frames, dtype=np.int64) % NUM_PDFS
    store = FrameStore(features, pdfs, delay)
    batch = store.pad([0, 1])
    slow = make(type="lstm", splice_context=1, target_delay=delay)
    slow.load_state_dict(model.state_dict())
    for epoch in range(4):
        losses = []
        for i in range(2):
            alone = store.pad([i])
            length = int(alone.lengths[0])
            times = [min(t + epoch % 3, length - 1) for t in range(0, length, 3)]
            frames = slow.front_end(alone.features, alone.lengths)[:, times]
            shape = Lengths(torch.tensor([len(times)]), len(times))
            for layer in slow.layers:
                frames = layer(frames, shape)
            logits = slow.output(frames)[0]
            targets = alone.targets[0, times]
            losses += functional.cross_entropy(logits, targets, reduction="none")[
                targets != IGNORED
            ].tolist()
        assert batch_loss(model, batch, 0.0, epoch).item() == pytest.approx(
            sum(losses) / len(losses), rel=1e-5
        )
