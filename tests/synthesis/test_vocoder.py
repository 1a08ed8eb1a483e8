"""WORLD there and back: pitch, voicing and spectrum of vowels made here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from pipeline.config import VocoderOptions
from pipeline.synthesis.vocoder import LOG_F0, VOICED, Vocoder, continuous

RATE = 8000


def vowel(f0: float, formants: tuple[float, ...], seconds: float = 0.5) -> NDArray[np.float32]:
    """Pulses of f0 Hz through resonators."""
    count = round(RATE * seconds)
    wave = np.zeros(count)
    wave[np.arange(0, count, RATE / f0).astype(int)] = 1.0
    for formant in formants:
        radius, angle = np.exp(-np.pi * 80.0 / RATE), 2.0 * np.pi * formant / RATE
        wave = lfilter([1.0], [1.0, -2.0 * radius * np.cos(angle), radius**2], wave)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def test_pitch_and_voicing_of_a_vowel_and_of_noise() -> None:
    vocoder = Vocoder(RATE, VocoderOptions())
    wave = vowel(125.0, (700.0, 1200.0))
    parameters = vocoder.analyse(wave)
    assert parameters.shape == (vocoder.num_frames(len(wave)), vocoder.dim)
    inner = parameters[20:-20]
    assert inner[:, VOICED].mean() > 0.95
    assert np.exp(np.median(inner[:, LOG_F0])) == pytest.approx(125.0, rel=0.02)
    noise = 0.1 * np.random.default_rng(1).standard_normal(RATE // 2).astype(np.float32)
    assert vocoder.analyse(noise)[:, VOICED].mean() < 0.3


def spectrum(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log power (dB) of eight bands, the mean taken out."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    bands = np.array([band.sum() for band in np.array_split(power, 8)])
    decibels = 10.0 * np.log10(bands)
    return np.asarray(decibels - decibels.mean())


def test_a_vowel_comes_back() -> None:
    vocoder = Vocoder(RATE, VocoderOptions())
    wave = vowel(110.0, (500.0, 1500.0, 2500.0))
    again = vocoder.synthesise(vocoder.analyse(wave))
    assert abs(len(again) - len(wave)) <= 2 * RATE * 5 // 1000
    np.testing.assert_allclose(spectrum(again), spectrum(wave), atol=6.0)
    pitch = vocoder.analyse(again)[20:-20, LOG_F0]
    assert np.exp(np.median(pitch)) == pytest.approx(110.0, rel=0.02)


def test_pitch_goes_on_straight_through_unvoiced_frames() -> None:
    f0 = np.array([0.0, 100.0, 0.0, 0.0, 100.0 * np.e**3, 0.0])
    expected = np.log(100.0) + np.array([0.0, 0.0, 1.0, 2.0, 3.0, 3.0])
    np.testing.assert_allclose(continuous(f0, 71.0), expected)
    np.testing.assert_allclose(continuous(np.zeros(2), 71.0), np.log(71.0))


def test_what_is_too_loud_is_made_softer() -> None:
    vocoder = Vocoder(RATE, VocoderOptions())
    parameters = vocoder.analyse(vowel(110.0, (500.0,)))
    parameters[:, 2] += 3.0
    assert np.abs(vocoder.synthesise(parameters)).max() <= 1.0
