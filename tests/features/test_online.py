"""Features of audio that comes in parts: as of the whole, and CMVN as Kaldi's formula has it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import MfccOptions
from pipeline.features.cmvn import compute_cmvn
from pipeline.features.mfcc import Extractor
from pipeline.features.online import (
    CMVN_WINDOW,
    GLOBAL_FRAMES,
    Neighbours,
    OnlineCmvn,
    OnlineExtractor,
)


@pytest.mark.parametrize("size", [1, 79, 1000])
def test_parts_of_a_waveform_give_the_frames_of_the_whole(size: int) -> None:
    extractor = Extractor(MfccOptions(sampling_rate=8000))
    count = 500 if size == 1 else 5000
    samples = np.random.default_rng(1).normal(size=count).astype(np.float32) * 0.1
    online = OnlineExtractor(extractor)
    parts = [online.push(samples[start : start + size]) for start in range(0, count, size)]
    found = np.concatenate(parts)
    assert found == pytest.approx(extractor.compute([samples])[0], abs=1e-3)
    assert len(online.rest) < extractor.window


@pytest.mark.parametrize("norm_vars", [False, True])
def test_cmvn_is_that_of_the_last_frames_and_global_ones(norm_vars: bool) -> None:
    rng = np.random.default_rng(2)
    training = rng.normal(3.0, 2.0, size=(400, 3)).astype(np.float32)
    statistics = compute_cmvn(training, np.array([0, 400]), ["s"], norm_vars)["s"]
    frames = rng.normal(-1.0, 0.5, size=(CMVN_WINDOW + 150, 3)).astype(np.float32)
    online = OnlineCmvn(statistics)
    found = np.concatenate([online.push(part) for part in np.split(frames, [1, 7, 7, 500, 640])])
    assert len(online.past) < CMVN_WINDOW
    for t in (0, 3, 399, 450, 599, 600, 700, len(frames) - 1):  # one frame at a time
        window = frames[max(0, t + 1 - CMVN_WINDOW) : t + 1].astype(np.float64)
        weight = min(CMVN_WINDOW - len(window), GLOBAL_FRAMES) / 400
        count = len(window) + weight * 400
        mean = (window.sum(axis=0) + weight * training.sum(axis=0)) / count
        square = np.square(window).sum(axis=0) + weight * np.square(training).sum(axis=0)
        deviation = np.sqrt(square / count - mean**2) if norm_vars else 1.0
        assert found[t] == pytest.approx((frames[t] - mean) / deviation, abs=1e-4)


def test_frames_that_do_not_count_change_nothing() -> None:
    rng = np.random.default_rng(4)
    training = rng.normal(3.0, 2.0, size=(400, 3)).astype(np.float32)
    statistics = compute_cmvn(training, np.array([0, 400]), ["s"], norm_vars=True)["s"]
    frames = rng.normal(size=(900, 3)).astype(np.float32)
    for num_past in (0, 30, 700):
        online, other = OnlineCmvn(statistics), OnlineCmvn(statistics)
        online.push(frames[:num_past])
        other.push(frames[:num_past])
        found = online.push(frames[num_past : num_past + 50], remember=False)
        window = frames[max(0, num_past - CMVN_WINDOW + 1) : num_past].astype(np.float64)
        weight = min(CMVN_WINDOW - len(window), GLOBAL_FRAMES) / 400
        count = len(window) + weight * 400
        mean = (window.sum(axis=0) + weight * training.sum(axis=0)) / count
        square = np.square(window).sum(axis=0) + weight * np.square(training).sum(axis=0)
        expected = (frames[num_past : num_past + 50] - mean) / np.sqrt(square / count - mean**2)
        assert found == pytest.approx(expected, abs=1e-3)
        after = frames[num_past + 50 : num_past + 150]
        assert np.array_equal(online.push(after), other.push(after))


def test_neighbours_repeat_the_ends() -> None:
    frames = np.arange(5, dtype=np.float32)[:, None]
    stream = Neighbours(2)
    parts = [stream.push(frames[:2]), stream.push(frames[2:4]), stream.push(frames[4:], last=True)]
    assert [part[:, 0].tolist() for part in parts] == [
        [],
        [0, 0, 0, 1, 2, 3],
        [0, 1, 2, 3, 4, 4, 4],
    ]
