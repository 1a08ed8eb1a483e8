"""Audio files: what is wrong with one, and its samples."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")  # only these can hold samples that are not numbers
CHECKSUMMED_FORMATS = ("FLAC",)  # damage shows in decoding only, which is fast


class BadAudio(Exception):
    """An audio file that cannot be used: reason and remedy, each a short phrase."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


def _unreadable(error: Exception) -> BadAudio:
    code = getattr(error, "code", None)
    reason = getattr(error, "error_string", "") or (f"libsndfile error {code}" if code else error)
    return BadAudio(f"unreadable audio: {reason}", "fetch or convert the file again")


def _open(path: Path) -> soundfile.SoundFile:
    if not path.is_file():
        raise BadAudio("transcript without audio: no such file", "restore it or delete its text")
    if path.stat().st_size == 0:
        raise BadAudio("empty file", "fetch the file again")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise _unreadable(error) from None


def _check(sound: soundfile.SoundFile, sampling_rate: int) -> None:
    if sound.samplerate != sampling_rate:
        raise BadAudio(
            f"sampling rate {sound.samplerate} Hz, expected {sampling_rate} Hz",
            "resample it or set features.sampling_rate",
        )
    if sound.channels != 1:
        raise BadAudio(f"{sound.channels} channels, expected 1", "extract or mix to one channel")
    if sound.frames == 0:
        raise BadAudio("holds no samples", "fetch the file again")


def _read(sound: soundfile.SoundFile, start: int, num_samples: int) -> npt.NDArray[np.float32]:
    try:
        if start:
            sound.seek(start)
        samples = sound.read(num_samples, dtype="float32")
    except (soundfile.SoundFileError, OSError) as error:
        raise _unreadable(error) from None
    if sound.subtype in FLOAT_SUBTYPES and not np.isfinite(samples).all():
        raise BadAudio("samples that are not finite numbers (NaN)", "make the file again")
    if not len(samples):
        raise BadAudio("holds no samples", "fetch the file again")
    return samples


def num_samples_of(path: Path, sampling_rate: int) -> int:
    """Number of samples of a mono file, after all checks that are quick.

    Floating-point files are read whole, to find NaN, and FLAC files, to find damage; damage within
    slowly decoded files (Opus, MP3) is found when `read_samples` reads them for extraction.

    Raises:
        BadAudio: missing, empty, unreadable, of another rate, not mono, or NaN.
    """
    with _open(path) as sound:
        _check(sound, sampling_rate)
        if sound.subtype in FLOAT_SUBTYPES or sound.format in CHECKSUMMED_FORMATS:
            _read(sound, 0, -1)
        return int(sound.frames)


def read_samples(
    path: Path, sampling_rate: int, start: float = 0.0, duration: float | None = None
) -> npt.NDArray[np.float32]:
    """Read a mono file, or `duration` seconds of it from `start`: (num_samples,) in [-1, 1].

    Raises:
        BadAudio: as `num_samples_of`, and if decoding fails.
    """
    with _open(path) as sound:
        _check(sound, sampling_rate)
        count = -1 if duration is None else round(duration * sampling_rate)
        return _read(sound, round(start * sampling_rate), count)


def min_samples(sampling_rate: int, frame_length_ms: float) -> int:
    """Samples that one frame needs."""
    return math.floor(frame_length_ms * sampling_rate / 1000.0)
