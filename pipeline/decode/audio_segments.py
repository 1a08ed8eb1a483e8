"""Long audio in parts: blocks of bounded size, voice activity by energy, windows with overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.data.resampling import resample
from pipeline.io.errors import UserError

Samples = NDArray[np.float32]
BLOCK_SECONDS = 10.0  # read at once
FRAME_SECONDS = 0.01  # of an energy value
FLOOR_DB = -100.0  # of digital silence
# Voice activity: a level between that of the quiet frames (10th percentile) and that of the loud
# ones: the loudest 5 %, but no more than a second, so that a word in an hour of quiet is found.
QUIET = 10.0
LOUD_SHARE, LOUD_FRAMES = 0.05, 100
THRESHOLD = 0.35  # of the way from quiet to loud ...
MAX_ABOVE_QUIET_DB = 20.0  # ... and no higher than this, however loud the loudest are
MIN_RANGE_DB = 12.0  # less between quiet and loud: all of it may be speech
SILENT_DB = -75.0  # if the loud frames are below, there is nothing to hear
MIN_PAUSE = 0.6  # s; shorter ones do not divide
MIN_SPEECH = 0.05  # s; shorter bursts are clicks
PADDING = 0.2  # s kept around speech


@dataclass(frozen=True)
class AudioSegment:
    """Seconds to recognise, and those of whose words (by their middle) the result is kept."""

    start: float
    end: float
    keep_from: float
    keep_until: float


class AudioFile:
    """Any file that libsndfile reads, mixed to one channel, at another sampling rate."""

    def __init__(self, path: Path, sampling_rate: int) -> None:
        """Open it.

        Raises:
            UserError: missing, unreadable, or without a sample.
        """
        self.path, self.sampling_rate = path, sampling_rate
        if not path.is_file():
            raise UserError(f"{path}: no such audio file; check the name")
        try:
            info = soundfile.info(str(path))
        except (soundfile.SoundFileError, OSError) as error:
            raise self._unreadable(error) from None
        self.rate, self.num_samples = int(info.samplerate), int(info.frames)
        if self.num_samples == 0:
            raise UserError(f"{path}: 0 s of audio; give a file that holds samples")

    def _unreadable(self, error: Exception) -> UserError:
        reason = getattr(error, "error_string", "") or error
        return UserError(f"{self.path}: unreadable audio ({reason}); convert it, e.g. to WAV")

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.rate

    def blocks(self) -> Iterator[Samples]:
        """The samples at the file's own rate, a bounded number at a time.

        Raises:
            UserError: damaged, or samples that are no numbers.
        """
        size = max(1, round(BLOCK_SECONDS * self.rate))
        try:
            with soundfile.SoundFile(str(self.path)) as sound:
                while len(block := sound.read(size, dtype="float32", always_2d=True)):
                    yield self._mono(block)
        except (soundfile.SoundFileError, OSError) as error:
            raise self._unreadable(error) from None

    def _mono(self, block: Samples) -> Samples:
        if not np.isfinite(block).all():
            raise UserError(f"{self.path}: samples that are not finite numbers; make it again")
        mono: Samples = block.mean(axis=1, dtype=np.float32)
        return mono

    def read(self, start: float, end: float) -> Samples:
        """The samples of some seconds, at the wanted rate.

        Raises:
            UserError: as ``blocks``.
        """
        try:
            with soundfile.SoundFile(str(self.path)) as sound:
                first = round(start * self.rate)
                sound.seek(min(first, self.num_samples))
                count = round(end * self.rate) - first
                samples = self._mono(sound.read(count, dtype="float32", always_2d=True))
        except (soundfile.SoundFileError, OSError) as error:
            raise self._unreadable(error) from None
        return resample(samples, self.rate, self.sampling_rate)


def frame_levels(audio: AudioFile) -> NDArray[np.float32]:
    """Level of each 10 ms in dB of full scale; 14 MB for ten hours of audio."""
    frame = max(1, round(FRAME_SECONDS * audio.rate))
    levels = []
    rest = np.zeros(0, np.float32)
    for block in audio.blocks():
        samples = np.concatenate((rest, block))
        whole = len(samples) // frame * frame
        rows = samples[:whole].reshape(-1, frame).astype(np.float64)
        levels.append(_decibels(np.square(rows).mean(axis=1)))
        rest = samples[whole:]
    if len(rest):
        levels.append(_decibels(np.square(rest.astype(np.float64)).mean(keepdims=True)))
    return np.concatenate(levels)


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float32]:
    floor = 10.0 ** (FLOOR_DB / 10.0)
    return (10.0 * np.log10(np.maximum(power, floor))).astype(np.float32)


def speech_spans(levels: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Seconds with speech, padded, in order and apart: (10 ms frames,) -> spans."""
    total = len(levels) * FRAME_SECONDS
    quiet = float(np.percentile(levels, QUIET))
    num_loud = max(1, min(LOUD_FRAMES, round(LOUD_SHARE * len(levels))))
    loud = float(np.partition(levels, -num_loud)[-num_loud])
    if loud < SILENT_DB:
        return []
    if loud - quiet < MIN_RANGE_DB:
        return [(0.0, total)]
    active = levels > quiet + min(THRESHOLD * (loud - quiet), MAX_ABOVE_QUIET_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False])).astype(np.int8)))
    spans: list[tuple[float, float]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        start, stop = begin * FRAME_SECONDS, end * FRAME_SECONDS
        if spans and start - spans[-1][1] < MIN_PAUSE:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return [
        (max(0.0, start - PADDING), min(total, stop + PADDING))
        for start, stop in spans
        if stop - start >= MIN_SPEECH
    ]


def windows(start: float, end: float, longest: float, overlap: float) -> list[AudioSegment]:
    """A span in windows of at most ``longest`` s that overlap; words are kept up to mid-overlap."""
    if end - start <= longest:
        return [AudioSegment(start, end, start, end)]
    number = math.ceil((end - start - overlap) / (longest - overlap))
    step = (end - start - overlap) / number
    begins = [start + n * step for n in range(number)]
    cuts = [start, *(begin + overlap / 2 for begin in begins[1:]), end]
    return [
        AudioSegment(begin, min(end, begin + step + overlap), cuts[n], cuts[n + 1])
        for n, begin in enumerate(begins)
    ]


def segments(
    spans: Sequence[tuple[float, float]], longest: float, overlap: float
) -> list[AudioSegment]:
    """The windows of each span."""
    return [part for start, end in spans for part in windows(start, end, longest, overlap)]
