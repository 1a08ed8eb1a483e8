"""Streams by WebSocket: partial and final words, several at once, and what is refused."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipeline.decode.recogniser import Recogniser
from pipeline.io.errors import UserError
from tests.decode.tone_model import RATE, audio
from tests.serve.running_server import HOST, serving

END = json.dumps({"type": "end"})
WORDS = ["LOW", "HIGH", "HIGH", "LOW"]


def samples(words: list[str], rate: int = RATE) -> bytes:
    return (audio(words, rate, pause=0.25)[0] * 32767).astype("<i2").tobytes()


def opened(port: int, query: str = f"rate={RATE}") -> ClientConnection:
    return connect(f"ws://{HOST}:{port}/stream?{query}", open_timeout=300, close_timeout=300)


def send(socket: ClientConnection, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        socket.send(data[start : start + size])


def received(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages up to the server's closing."""
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=300)))
    except ConnectionClosed:
        return found


@pytest.mark.parametrize(("rate", "size"), [(RATE, 801), (16000, 3200)])
def test_words_come_as_they_are_said(port: int, rate: int, size: int) -> None:
    with opened(port, f"rate={rate}") as socket:
        send(socket, samples(WORDS, rate), size)
        socket.send(END)
        messages = received(socket)
    *told, final, end = messages
    assert end == {"type": "end"}
    assert [message["type"] for message in told] == ["partial"] * len(told)
    assert [message["text"] for message in told] == [
        " ".join(WORDS[: n + 1]) for n in range(len(WORDS))
    ]
    assert final["type"] == "final"
    assert final["text"] == " ".join(WORDS)
    starts = [word["start"] for word in final["words"]]
    assert starts == pytest.approx([s for _, s in audio(WORDS, RATE, 0.25)[1]], abs=0.05)


def test_streams_at_once_do_not_mix_and_are_bounded(port: int) -> None:
    said = [["LOW"] * 3, ["HIGH", "LOW", "HIGH"], ["HIGH"] * 3]
    data = [samples(words) for words in said]
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened(port)) for _ in said]
        for start in range(0, max(map(len, data)), 1600):
            for socket, own in zip(sockets, data, strict=True):
                if start < len(own):
                    socket.send(own[start : start + 1600])
        with opened(port) as fourth:
            (message,) = received(fourth)
            assert "too many streams" in message["error"]
        for socket, words in zip(sockets, said, strict=True):
            socket.send(END)
            finals = [m["text"] for m in received(socket) if m["type"] == "final"]
            assert finals == [" ".join(words)]


def test_a_client_that_goes_leaves_its_place(port: int) -> None:
    for _ in range(5):  # more than are taken at once
        with opened(port) as socket, suppress(ConnectionClosed):  # where it is refused
            socket.send(samples(["LOW"]))
    messages: list[dict[str, Any]] = []
    while not messages or "too many" in messages[0].get("error", ""):  # they are still leaving
        with opened(port) as socket:
            with suppress(ConnectionClosed):
                send(socket, samples(["HIGH"]), 999)  # an odd number of bytes
                socket.send(END)
            messages = received(socket)
    assert [m["text"] for m in messages if m["type"] == "final"] == ["HIGH"]


@pytest.mark.parametrize(
    "query", ["", "rate=", "rate=12", "rate=-8000", "rate=1e9", "rate=8000000000"]
)
def test_a_stream_without_its_rate_is_refused(port: int, query: str) -> None:
    with opened(port, query) as socket:
        (message,) = received(socket)
    assert "give ?rate=HZ" in message["error"]


def test_what_is_no_audio_is_refused(port: int) -> None:
    for wrong in ("hello", "{}", '{"type": "other"}', "[" * 10000):
        with opened(port) as socket:
            socket.send(wrong)
            (message,) = received(socket)
        assert message["error"].startswith("a text message must be")
    with opened(port) as socket:
        socket.send(bytes((1 << 20) + 2))
        (message,) = received(socket)
        assert "smaller parts" in message["error"]


def test_a_model_that_cannot_follow_streams_says_so(made: Path) -> None:
    with serving(Recogniser.open(made / "export")) as port, opened(port) as socket:
        (message,) = received(socket)
    assert "GMMs" in message["error"]


def test_an_address_that_is_taken_is_one_line(port: int, made: Path) -> None:
    from pipeline.bin import serve as program

    for arguments in (["--port", str(port)], ["--port", "70000"], ["--host", "no.such.invalid"]):
        with pytest.raises(UserError, match="give another --host or --port"):
            program.main([str(made / "stream"), *arguments])
    with pytest.raises(UserError, match="must be above 0"):
        program.main([str(made / "stream"), "--max-streams", "0"])


def test_silence_is_answered_with_the_end_alone(port: int) -> None:
    noise = np.random.default_rng(1).normal(size=2 * RATE) * 30
    with opened(port) as socket:
        socket.send(noise.astype("<i2").tobytes())
        socket.send(END)
        assert received(socket) == [{"type": "end"}]
