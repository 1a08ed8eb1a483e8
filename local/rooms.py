"""Rooms and noise around speech: simulated impulse responses and noise of any colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]


def room_response(
    rng: np.random.Generator, sampling_rate: int, decay_seconds: float, direct_db: float
) -> Signal:
    """Impulse response of a room: the direct sound, then exponentially decaying white noise.

    Polack's model (1988), as in Habets (2007), Single- and Multi-Microphone Speech Dereverberation,
    section 2.2: the reverberation falls by 60 dB in `decay_seconds`.

    Args:
        decay_seconds: reverberation time T60.
        direct_db: energy of the direct sound over that of the reverberation.
    Returns:
        (num_samples,), of energy 1; sample 0 is the direct sound.
    """
    length = max(2, round(decay_seconds * sampling_rate))
    seconds = np.arange(1, length) / sampling_rate
    # exp(-3 ln(10) t / T60): amplitudes fall by 60 dB, a factor of 1000, at t = T60.
    tail = rng.standard_normal(length - 1) * np.exp(-3.0 * np.log(10.0) * seconds / decay_seconds)
    tail *= np.sqrt(10.0 ** (-direct_db / 10.0) / np.sum(np.square(tail)))
    response = np.concatenate([[1.0], tail])
    return response / np.sqrt(np.sum(np.square(response)))


def coloured_noise(rng: np.random.Generator, length: int, exponent: float) -> Signal:
    """Noise whose power falls as 1 / frequency ** exponent: 0 white, 1 pink, 2 brown.

    Returns:
        (length,), of mean power 1.
    """
    spectrum = np.fft.rfft(rng.standard_normal(length))
    # Below bin 1 there is no frequency to divide by; 0 Hz is left out.
    gain = np.arange(len(spectrum), dtype=np.float64)
    gain[1:] **= -exponent / 2.0
    noise = np.fft.irfft(spectrum * gain, length)
    return noise / np.sqrt(np.mean(np.square(noise)))


def in_room(speech: Signal, response: Signal, noise: Signal, snr_db: float) -> Signal:
    """Speech as heard in a room, with noise `snr_db` below it: as long as `speech`."""
    from scipy.signal import oaconvolve

    heard = oaconvolve(speech, response)[: len(speech)]
    power = np.mean(np.square(heard)) * 10.0 ** (-snr_db / 10.0)
    result: Signal = heard + noise[: len(speech)] * np.sqrt(power)
    return result
