"""WORLD: samples -> parameters of each frame, and back.

Morise, Yokomori and Ozawa (2016), WORLD: a vocoder-based high-quality speech synthesis system; by
PyPI's pyworld. The spectral envelope is coded on a mel scale, as a cepstrum. At 8 kHz WORLD's own
code of the aperiodicity has no band at all, so it is averaged (in dB) over equal bands here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyworld
from numpy.typing import NDArray
from scipy.signal import resample_poly

from pipeline.config import VocoderOptions

Array = NDArray[np.float64]
LEAST_APERIODICITY = 1e-3  # -60 dB; WORLD's own is 0.001 too
LEAST_D4C_RATE = 16000  # Hz
VOICED, LOG_F0, FIRST_COEFFICIENT = 0, 1, 2  # columns of a frame


@dataclass(frozen=True)
class Vocoder:
    """Parameters (T, D) in the order voiced (0 or 1), log F0, coefficients, aperiodicity (dB)."""

    sampling_rate: int
    options: VocoderOptions

    @property
    def dim(self) -> int:
        """D."""
        return FIRST_COEFFICIENT + self.options.num_coefficients + self.options.num_bands

    @property
    def fft_size(self) -> int:
        """Of the spectral envelope."""
        return int(pyworld.get_cheaptrick_fft_size(self.sampling_rate, self.options.f0_floor))

    def num_frames(self, num_samples: int) -> int:
        """T of so many samples."""
        shift = self.sampling_rate * self.options.frame_shift_ms / 1000.0
        return int(num_samples / shift) + 1

    def analyse(self, samples: NDArray[np.float32]) -> Array:
        """(n,) samples -> (T, D). Log F0 goes straight on through unvoiced frames.

        In an utterance without a voiced frame it is that of the floor.
        """
        options = self.options
        wave = samples.astype(np.float64)
        rough, times = pyworld.dio(
            wave,
            self.sampling_rate,
            f0_floor=options.f0_floor,
            f0_ceil=options.f0_ceiling,
            frame_period=options.frame_shift_ms,
        )
        f0 = pyworld.stonemask(wave, rough, times, self.sampling_rate)
        envelope = pyworld.cheaptrick(
            wave, f0, times, self.sampling_rate, f0_floor=options.f0_floor
        )
        noise = self._aperiodicity(wave, f0, times)
        coded = pyworld.code_spectral_envelope(
            envelope, self.sampling_rate, options.num_coefficients
        )
        decibels = 20.0 * np.log10(np.maximum(noise, LEAST_APERIODICITY))
        bands = np.array_split(decibels, options.num_bands, axis=1)
        voiced = f0 > 0.0
        return np.column_stack(
            [
                voiced,
                continuous(f0, options.f0_floor),
                coded,
                *(band.mean(axis=1) for band in bands),
            ]
        )

    def _aperiodicity(self, wave: Array, f0: Array, times: Array) -> Array:
        """(T, fft_size / 2 + 1) share of noise in each bin.

        D4C judges voicing by what lies below 7.9 kHz and finds everything unvoiced at 8 kHz: such
        a wave is resampled before, and the bins that it has are taken.
        """
        factor = -(-LEAST_D4C_RATE // self.sampling_rate)
        if factor > 1:
            wave = resample_poly(wave, factor, 1)
        noise: Array = pyworld.d4c(
            wave, f0, times, factor * self.sampling_rate, fft_size=factor * self.fft_size
        )
        return noise[:, : self.fft_size // 2 + 1]

    def synthesise(self, parameters: Array) -> NDArray[np.float32]:
        """(T, D) -> samples in [-1, 1]; a frame is voiced from 0.5 on."""
        options = self.options
        voiced = parameters[:, VOICED] >= 0.5
        log_f0 = parameters[:, LOG_F0].clip(np.log(options.f0_floor), np.log(options.f0_ceiling))
        f0 = np.where(voiced, np.exp(log_f0), 0.0)
        end = FIRST_COEFFICIENT + options.num_coefficients
        coded = np.ascontiguousarray(parameters[:, FIRST_COEFFICIENT:end])
        envelope = pyworld.decode_spectral_envelope(coded, self.sampling_rate, self.fft_size)
        num_bins = self.fft_size // 2 + 1
        bins = np.array_split(np.arange(num_bins), options.num_bands)
        centres = np.array([band.mean() for band in bins])
        decibels = np.stack(
            [np.interp(np.arange(num_bins), centres, row) for row in parameters[:, end:]]
        )
        noise = (10.0 ** (decibels / 20.0)).clip(LEAST_APERIODICITY, 1.0 - 1e-6)
        noise[~voiced] = 1.0 - 1e-6
        wave = pyworld.synthesize(
            f0, envelope, noise, self.sampling_rate, frame_period=options.frame_shift_ms
        )
        peak = float(np.abs(wave).max(initial=0.0))
        return (wave / max(1.0, peak / 0.99)).astype(np.float32)


def continuous(f0: Array, floor: float) -> Array:
    """Log F0 (T,) with unvoiced frames (0 Hz) filled in by straight lines."""
    voiced = np.flatnonzero(f0 > 0.0)
    if not len(voiced):
        return np.full(len(f0), np.log(floor))
    return np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced]))
