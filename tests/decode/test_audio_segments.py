"""Division of long audio: windows that cover it once, voice activity, memory, resampling."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.resampling import resample
from pipeline.decode.audio_segments import (
    PADDING,
    AudioFile,
    frame_levels,
    speech_spans,
    windows,
)


@given(st.floats(0, 1000), st.floats(0.01, 500), st.floats(1, 30), st.floats(0, 0.5))
def test_windows_cover_a_span_and_keep_each_moment_once(
    start: float, length: float, longest: float, share: float
) -> None:
    end = start + length
    parts = windows(start, end, longest, share * longest)
    assert parts[0].start == parts[0].keep_from == start
    assert parts[-1].end == pytest.approx(end)
    assert parts[-1].keep_until == end
    for part in parts:
        assert part.end - part.start <= longest + 1e-6
        assert part.start <= part.keep_from < part.keep_until <= part.end + 1e-6
    for before, after in pairwise(parts):
        assert before.keep_until == after.keep_from
        assert before.end - after.start == pytest.approx(share * longest, abs=1e-6)


def test_speech_is_found_with_its_padding() -> None:
    levels = np.full(1000, -60.0, np.float32)  # 10 s
    levels[200:300] = levels[330:400] = levels[700:800] = -20.0
    levels[600:602] = -20.0  # a click
    spans = speech_spans(levels)
    expected = [(2.0 - PADDING, 4.0 + PADDING), (7.0 - PADDING, 8.0 + PADDING)]
    assert np.array(spans) == pytest.approx(np.array(expected))


def test_a_word_in_an_hour_is_found() -> None:
    levels = np.random.default_rng(1).normal(-55.0, 1.0, 360_000).astype(np.float32)
    levels[200_000:200_120] = -20.0
    (span,) = speech_spans(levels)
    assert span == pytest.approx((2000.0 - PADDING, 2001.2 + PADDING))


def test_without_contrast_all_is_speech_and_silence_is_none() -> None:
    assert speech_spans(np.full(100, -30.0, np.float32)) == [(0.0, 1.0)]
    assert speech_spans(np.full(100, -90.0, np.float32)) == []


def test_levels_are_those_of_the_whole_file(tmp_path: Path) -> None:
    rate, seconds = 8000, 70  # more than two blocks
    samples = np.random.default_rng(1).normal(0, 0.1, rate * seconds + 30)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    levels = frame_levels(AudioFile(tmp_path / "a.wav", rate))
    power = np.square(samples[: rate * seconds].reshape(-1, 80)).mean(axis=1)
    assert len(levels) == 100 * seconds + 1
    np.testing.assert_allclose(levels[:-1], 10 * np.log10(power), atol=1e-3)


def test_memory_does_not_hold_the_file(tmp_path: Path) -> None:
    rate, minutes = 8000, 15
    with soundfile.SoundFile(tmp_path / "a.wav", "w", rate, 1) as sound:
        for _ in range(minutes):
            sound.write(np.zeros(60 * rate, np.float32))
    audio = AudioFile(tmp_path / "a.wav", rate)
    audio.read(0.0, 0.1)  # what is imported late is no part of the file
    tracemalloc.start()
    frame_levels(audio)
    audio.read(600.0, 620.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < audio.num_samples  # a byte a sample; as float32 the file has four


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_resampling_keeps_a_tone(rate: int) -> None:
    def tone(at: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440.0 * np.arange(at) / at).astype(np.float32)

    found = resample(tone(rate), rate, 16000)
    assert len(found) == 16000
    np.testing.assert_allclose(found[200:-200], tone(16000)[200:-200], atol=2e-2)
