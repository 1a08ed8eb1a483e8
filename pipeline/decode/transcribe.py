"""Words of audio files of any length, from a model folder.

A file is read three times, a bounded part at a time: for its levels, which say where speech is; for
the cepstral mean of that speech; and for recognition, segment by segment. A model on fMLLR features
hears its first minutes once more before, for the transform of the file's speaker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.decode.audio_segments import AudioFile, AudioSegment, frame_levels, segments
from pipeline.decode.audio_segments import speech_spans as find_speech
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.word_times import TimedWord
from pipeline.io.errors import UserError

ADAPTATION_SECONDS = 600.0  # of speech from which fMLLR is estimated: more changes nothing


@dataclass(frozen=True)
class TranscribeOptions:
    """How a file is divided, and which sentence is chosen."""

    segmentation: Literal["vad", "windows"] = "vad"  # by voice activity, or windows over all of it
    longest: float = 20.0  # s of a segment; longer speech is taken in windows
    overlap: float = 2.0  # s of two windows
    bayes_risk: bool = False  # fewest expected word errors instead of the likeliest sentence

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: the windows would not advance.
        """
        if not 0.0 <= self.overlap <= self.longest / 2:
            raise UserError(f"overlap {self.overlap:g} s: must be from 0 to half of longest")
        if self.longest < 1.0:
            raise UserError(f"longest {self.longest:g} s: must be 1 s or more")


@dataclass(frozen=True)
class TranscribedSegment:
    """A stretch of speech and its words."""

    start: float  # s
    end: float
    words: tuple[TimedWord, ...]


@dataclass(frozen=True)
class Transcript:
    """All of a file."""

    path: Path
    duration: float  # s
    segments: tuple[TranscribedSegment, ...]

    @property
    def words(self) -> list[TimedWord]:
        """Of all segments, in order."""
        return [word for segment in self.segments for word in segment.words]

    @property
    def text(self) -> str:
        """The words alone."""
        return " ".join(word.word for word in self.words)


def transcribe(
    path: Path,
    recogniser: Recogniser,
    options: TranscribeOptions | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Transcript:
    """Recognise a file.

    Args:
        path: any format, rate, number of channels and length that libsndfile reads.
        progress: called after each segment with the seconds done and the file's seconds.
    Raises:
        UserError: the file cannot be read or holds nothing.
    """
    audio = AudioFile(path, recogniser.sampling_rate)
    found = tuple(_segments(audio, recogniser, options or TranscribeOptions(), progress))
    return Transcript(path, audio.duration, found)


def _segments(
    audio: AudioFile,
    recogniser: Recogniser,
    options: TranscribeOptions,
    progress: Callable[[float, float], None] | None,
) -> Iterator[TranscribedSegment]:
    spans = [(0.0, audio.duration)]
    if options.segmentation == "vad":
        spans = find_speech(frame_levels(audio))
    parts = segments(spans, options.longest, options.overlap)
    statistics = np.zeros((2, recogniser.extractor.dim + 1))
    for part in parts:
        frames = recogniser.extract(audio.read(part.start, part.end))
        if len(frames):
            statistics += recogniser.statistics(frames)
    first: list[AudioSegment] = []
    if recogniser.is_adapted:
        ends = np.cumsum([part.end - part.start for part in parts])
        first = parts[: 1 + int(np.searchsorted(ends, ADAPTATION_SECONDS))]
    transforms = recogniser.adapt(
        [recogniser.extract(audio.read(part.start, part.end)) for part in first], statistics
    )
    for part in parts:
        frames = recogniser.extract(audio.read(part.start, part.end))
        words = recogniser.recognise(frames, statistics, part.start, options.bayes_risk, transforms)
        yield TranscribedSegment(part.keep_from, part.keep_until, tuple(_kept(words, part)))
        if progress is not None:
            progress(part.keep_until, audio.duration)


def _kept(words: list[TimedWord], part: AudioSegment) -> list[TimedWord]:
    """Words whose middle lies where this window, and not its neighbour, counts."""
    return [w for w in words if part.keep_from <= (w.start + w.end) / 2 < part.keep_until]
