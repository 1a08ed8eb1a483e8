"""Transcripts in each form, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.align.ctm import read_ctm
from pipeline.decode.transcribe import TranscribedSegment, Transcript
from pipeline.decode.transcript_files import (
    MAX_CHARACTERS,
    MAX_SECONDS,
    as_ctm,
    as_json,
    as_srt,
    as_text,
    as_vtt,
    subtitles,
)
from pipeline.decode.word_times import TimedWord

TRANSCRIPT = Transcript(
    Path("some/my talk.wav"),
    3700.0,
    (
        TranscribedSegment(
            0.0, 2.0, (TimedWord("A<B", 0.5, 1.0, 1.0), TimedWord("C", 1.0, 1.25, 0.5))
        ),
        TranscribedSegment(2.0, 3.0, ()),
        TranscribedSegment(3600.0, 3700.0, (TimedWord("D", 3661.0015, 3661.5, 0.25),)),
    ),
)


def test_text_and_ctm(tmp_path: Path) -> None:
    assert as_text(TRANSCRIPT) == "A<B C\nD\n"
    assert as_ctm(TRANSCRIPT).splitlines()[1] == "my_talk 1 1.000 0.250 C 0.500"
    (tmp_path / "a.ctm").write_text(as_ctm(TRANSCRIPT), encoding="utf-8")
    (segments,) = read_ctm(tmp_path / "a.ctm").values()
    assert [segment.label for segment in segments] == ["A<B", "C", "D"]


def test_subtitles_by_hand() -> None:
    assert as_srt(TRANSCRIPT) == (
        "1\n00:00:00,500 --> 00:00:01,250\nA<B C\n\n2\n01:01:01,002 --> 01:01:01,500\nD\n\n"
    )
    assert as_vtt(TRANSCRIPT).startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.250\nA&lt;B C\n\n")


def test_long_speech_is_cut_into_readable_subtitles() -> None:
    words = [TimedWord(f"WORD{n}", n * 0.4, n * 0.4 + 0.4, 1.0) for n in range(100)]
    long = Transcript(Path("a.wav"), 40.0, (TranscribedSegment(0.0, 40.0, tuple(words)),))
    shown = list(subtitles(long))
    assert [word for part in shown for word in part] == words
    assert all(part[-1].end - part[0].start <= MAX_SECONDS + 1e-9 for part in shown)
    blocks = [block.splitlines()[2:] for block in as_srt(long).strip().split("\n\n")]
    assert all(len(block) <= 2 for block in blocks)
    assert all(len(line) <= MAX_CHARACTERS for block in blocks for line in block)


def test_json_holds_all() -> None:
    value = json.loads(as_json(TRANSCRIPT))
    assert value["text"] == "A<B C D"
    assert [len(segment["words"]) for segment in value["segments"]] == [2, 0, 1]
    assert value["segments"][2]["words"] == [
        {"word": "D", "start": pytest.approx(3661.001, abs=1e-3), "end": 3661.5, "confidence": 0.25}
    ]
