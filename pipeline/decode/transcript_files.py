"""Transcripts as text, CTM, SubRip (SRT), WebVTT and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from pipeline.decode.transcribe import Transcript
from pipeline.decode.word_times import TimedWord

MAX_CHARACTERS = 42  # of a subtitle's line; two lines a subtitle
MAX_SECONDS = 6.0  # of a subtitle
GAP_SECONDS = 1.0  # a pause that ends a subtitle


def as_text(transcript: Transcript) -> str:
    """A line a segment that has words."""
    lines = (" ".join(w.word for w in segment.words) for segment in transcript.segments)
    return "".join(f"{line}\n" for line in lines if line)


def as_ctm(transcript: Transcript) -> str:
    """NIST's form: file, channel, start, duration, word, confidence."""
    name = transcript.path.stem.replace(" ", "_")
    return "".join(
        f"{name} 1 {w.start:.3f} {w.end - w.start:.3f} {w.word} {w.confidence:.3f}\n"
        for w in transcript.words
    )


def as_srt(transcript: Transcript) -> str:
    """Numbered subtitles."""
    blocks = (
        f"{n}\n{_clock(words[0].start, ',')} --> {_clock(words[-1].end, ',')}\n{_lines(words)}\n\n"
        for n, words in enumerate(subtitles(transcript), 1)
    )
    return "".join(blocks)


def as_vtt(transcript: Transcript) -> str:
    """Web subtitles; & and < are escaped."""
    blocks = (
        f"{_clock(words[0].start, '.')} --> {_clock(words[-1].end, '.')}\n"
        f"{_lines(words).replace('&', '&amp;').replace('<', '&lt;')}\n\n"
        for words in subtitles(transcript)
    )
    return "WEBVTT\n\n" + "".join(blocks)


def word_entry(word: TimedWord) -> dict[str, object]:
    """A word as JSON has it: its fields, times and confidence to three decimals."""
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(word).items()}


def as_json(transcript: Transcript) -> str:
    """Everything, times in seconds to the millisecond."""
    value = {
        "file": str(transcript.path),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "segments": [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "words": [word_entry(w) for w in segment.words],
            }
            for segment in transcript.segments
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Transcript], str]] = {
    "txt": as_text,
    "ctm": as_ctm,
    "srt": as_srt,
    "vtt": as_vtt,
    "json": as_json,
}


def subtitles(transcript: Transcript) -> Iterator[list[TimedWord]]:
    """Words that are shown together: short enough, and without a long pause."""
    shown: list[TimedWord] = []
    for word in transcript.words:
        if shown and (
            word.start - shown[-1].end >= GAP_SECONDS
            or word.end - shown[0].start > MAX_SECONDS
            or len(_lines([*shown, word]).splitlines()) > 2
        ):
            yield shown
            shown = []
        shown.append(word)
    if shown:
        yield shown


def _lines(words: list[TimedWord]) -> str:
    """The words, broken where a line would become too long."""
    lines = [words[0].word]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word.word) > MAX_CHARACTERS:
            lines.append(word.word)
        else:
            lines[-1] += f" {word.word}"
    return "\n".join(lines)


def _clock(seconds: float, point: str) -> str:
    """HH:MM:SS and milliseconds."""
    total = round(seconds * 1000)
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
