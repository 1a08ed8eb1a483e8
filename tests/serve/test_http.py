"""Files by POST, the page, and mistakes as one line of JSON."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.decode.recogniser import Recogniser
from pipeline.decode.transcribe import transcribe
from tests.decode.tone_model import RATE, audio
from tests.serve.running_server import ask

WORDS = ["LOW", "HIGH", "HIGH", "LOW"]


def sound(words: list[str], form: str = "WAV", rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio(words, rate, pause=0.25)[0], rate, format=form)
    return file.getvalue()


def words_of(answer: Any) -> list[str]:
    return [word["word"] for segment in answer["segments"] for word in segment["words"]]


@pytest.mark.parametrize(("form", "rate"), [("WAV", RATE), ("FLAC", 16000), ("OGG", 44100)])
def test_a_file_of_any_format_becomes_words_with_times(
    port: int, made: Path, tmp_path: Path, form: str, rate: int
) -> None:
    body = sound(WORDS, form, rate)
    status, _, answer = ask(port, "POST", "/transcribe", body)
    assert status == 200
    (tmp_path / "a").write_bytes(body)
    expected = transcribe(tmp_path / "a", Recogniser.open(made / "stream"))
    assert words_of(answer) == [word.word for word in expected.words] == WORDS
    found = [word for segment in answer["segments"] for word in segment["words"]]
    assert [w["start"] for w in found] == pytest.approx([w.start for w in expected.words], abs=1e-3)
    assert [w["end"] for w in found] == pytest.approx([w.end for w in expected.words], abs=1e-3)
    assert answer["text"] == " ".join(WORDS)
    assert answer["duration"] == pytest.approx(len(audio(WORDS, rate, 0.25)[0]) / rate, abs=1e-3)


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield bytes(1000)


def test_mistakes_are_one_line(port: int) -> None:
    nothing, long = io.BytesIO(), io.BytesIO()
    soundfile.write(nothing, np.zeros(0), RATE, format="WAV")
    soundfile.write(long, np.zeros(21 * RATE), RATE, format="FLAC")
    for body, expected, said in (
        (b"", 400, "the body is empty"),
        (b"no audio", 400, "audio: unreadable audio"),
        (nothing.getvalue(), 400, "audio: 0 s of audio"),
        (sound(WORDS)[:30], 400, "audio: "),
        (long.getvalue(), 400, "21 s of audio, at most 20 s"),
        (bytes(400_001), 413, "larger than 400000 bytes"),
        (chunks(500_000), 413, "larger than 400000 bytes"),  # of a length that it does not tell
    ):
        try:
            status, _, answer = ask(port, "POST", "/transcribe", body)
        except (BrokenPipeError, ConnectionResetError):
            assert expected == 413  # refused before all of it was sent
            continue
        assert status == expected
        assert list(answer) == ["error"]
        assert said in answer["error"]
        assert "\n" not in answer["error"]
        assert "/tmp" not in answer["error"]
    for method, path, expected in (("GET", "/transcribe", 405), ("GET", "/nothing", 404)):
        status, _, answer = ask(port, method, path)
        assert status == expected
        assert answer["error"].startswith(f"{method} {path}: ")


def test_requests_at_once_get_their_own_words(port: int) -> None:
    said = [["LOW"] * 3, ["HIGH", "LOW"], ["HIGH"] * 4]
    found: dict[int, list[str]] = {}

    def one(n: int) -> None:
        found[n] = words_of(ask(port, "POST", "/transcribe", sound(said[n]))[2])

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(said))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(len(said))] == said


def test_the_page_needs_nothing_from_elsewhere(port: int) -> None:
    status, headers, page = ask(port, "GET", "/")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not re.search(r"https?://|<link|src=", page)
