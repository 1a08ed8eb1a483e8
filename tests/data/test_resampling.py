"""Samples that come in parts, resampled as the whole."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.resampling import OnlineResampler, resample


@pytest.mark.parametrize(
    ("rate", "new_rate"), [(16000, 8000), (44100, 8000), (8000, 16000), (48000, 16000), (7, 5)]
)
@pytest.mark.parametrize("size", [1, 160, 5000])
def test_parts_are_resampled_as_the_whole(rate: int, new_rate: int, size: int) -> None:
    count = 1500 if size == 1 else 20011
    samples = np.random.default_rng(1).normal(size=count).astype(np.float32)
    stream = OnlineResampler(rate, new_rate)
    parts = []
    for start in range(0, count, size):
        parts.append(stream.push(samples[start : start + size]))
        given = min(start + size, count)
        assert sum(map(len, parts)) >= (given - stream.reach) * new_rate / rate - 1
        assert len(stream.held) <= size + 2 * (stream.reach + stream.down)
    parts.append(stream.push(samples[:0], last=True))
    assert np.concatenate(parts) == pytest.approx(resample(samples, rate, new_rate), abs=1e-5)


def test_the_same_rate_changes_nothing() -> None:
    samples = np.ones(3, np.float32)
    assert OnlineResampler(8000, 8000).push(samples) is samples


def test_an_empty_stream() -> None:
    assert len(OnlineResampler(16000, 8000).push(np.zeros(0, np.float32), last=True)) == 0
