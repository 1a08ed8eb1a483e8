"""Padded batches against loops over frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.nnet.batches import IGNORED, FrameStore
from tests.nnet.toy_data import feature_set


@pytest.mark.parametrize("delay", [0, 3])
def test_pad_by_hand(delay: int) -> None:
    features = feature_set([4, 2, 7])
    pdfs = np.arange(features.num_frames, dtype=np.int64)
    batch = FrameStore(features, pdfs, delay).pad([2, 1])
    assert batch.features.shape == (2, 7 + delay, features.dim)
    assert batch.lengths.tolist() == [7 + delay, 2 + delay]
    assert batch.num_frames == 9
    for row, i in enumerate([2, 1]):
        start, length = features.offsets[i], features.lengths[i]
        for t in range(7 + delay):
            frame = features.frames[start + min(t, length - 1)]
            np.testing.assert_array_equal(batch.features[row, t].numpy(), frame)
            inside = delay <= t < length + delay
            expected = pdfs[start + t - delay] if inside else IGNORED
            assert batch.targets[row, t] == expected


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=30), max_frames=st.integers(1, 200)
)
def test_batches_by_length(lengths: list[int], max_frames: int) -> None:
    store = FrameStore(feature_set(lengths, dim=1))
    batches = store.batches_by_length(max_frames)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = max(lengths[i] for i in batch) * len(batch)
        assert padded <= max_frames or len(batch) == 1
