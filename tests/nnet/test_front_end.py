"""Deltas and splicing inside the network against the whole-set functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.features.deltas import add_deltas, splice
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.front_end import FrontEnd
from tests.nnet.toy_data import feature_set


@pytest.mark.parametrize("deltas", [0, 1, 2])
@pytest.mark.parametrize("context", [0, 2])
def test_padded_batch_equals_whole_set(deltas: int, context: int) -> None:
    features = feature_set([1, 4, 9, 30])
    joined = add_deltas(features.frames, features.offsets, deltas)
    mean, variance = joined.mean(axis=0), joined.var(axis=0) + 0.5
    normalised = ((joined - mean) / np.sqrt(variance)).astype(np.float32)
    expected = splice(normalised, features.offsets, context, context)

    front_end = FrontEnd(features.dim, deltas, context)
    front_end.set_normalisation(torch.from_numpy(mean), torch.from_numpy(variance))
    batch = FrameStore(features).pad([0, 1, 2, 3])
    output = front_end(batch.features, batch.lengths)
    assert output.shape == (4, 30, front_end.output_dim)
    for i, length in enumerate(features.lengths):
        span = slice(features.offsets[i], features.offsets[i + 1])
        np.testing.assert_allclose(output[i, :length].numpy(), expected[span], atol=1e-5)


def test_constant_feature_stays_finite() -> None:
    front_end = FrontEnd(1, 0, 0)
    front_end.set_normalisation(torch.tensor([2.0]), torch.tensor([0.0]))
    output = front_end(torch.full((1, 3, 1), 2.0), torch.tensor([3]))
    assert output.tolist() == [[[0.0], [0.0], [0.0]]]
