"""The endpoint: files by POST /transcribe, speech as it comes by WebSocket /stream, a page at /.

POST /transcribe   body: an audio file of any format -> JSON, as ``transcribe --format json``
WS /stream?rate=HZ binary messages: 16-bit little-endian samples of one channel; {"type": "end"}
                   ends the stream -> partial and final results, then {"type": "end"}
Every mistake is JSON of one line, {"error": ...}. Recognition runs in threads, a bounded number at
once; each request and each stream has its own state.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipeline.data.pcm_stream import MAX_RATE, MIN_RATE, PcmDecoder
from pipeline.decode.audio_segments import AudioFile
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.stream import SpeechStream, StreamingRecogniser, as_json
from pipeline.decode.transcribe import transcribe
from pipeline.decode.transcript_files import as_json as transcript_as_json
from pipeline.io.errors import UserError, one_line

PAGE = Path(__file__).with_name("page.html")
# The page needs nothing from elsewhere, and no other site may have it do anything.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
    "X-Content-Type-Options": "nosniff",
}
MAX_MESSAGE = 1 << 20  # bytes of a WebSocket message
MAX_COMMAND = 100  # characters of a text message that are read
# Close codes of RFC 6455: a message of the wrong kind, too large, an error here, and of IANA: busy.
WRONG_DATA, POLICY, TOO_LARGE, FAILED, BUSY = 1003, 1008, 1009, 1011, 1013


@dataclass(frozen=True)
class ServeOptions:
    """Bounds."""

    max_bytes: int = 100_000_000  # of a file
    max_seconds: float = 3600.0  # of a file
    max_streams: int = 8  # at once
    threads: int = 2  # recognitions at once


def make_app(recogniser: Recogniser, options: ServeOptions | None = None) -> Starlette:
    """The application for one model; without streams, with a reason, where it cannot follow any."""
    endpoint = _Endpoint(recogniser, options or ServeOptions())
    return Starlette(
        routes=[
            Route("/", endpoint.page),
            Route("/transcribe", endpoint.transcribe, methods=["POST"]),
            WebSocketRoute("/stream", endpoint.stream),
        ],
        exception_handlers={HTTPException: _as_error, Exception: _internal},
    )


def error(message: object, status: int) -> JSONResponse:
    """A mistake as one line of JSON."""
    return JSONResponse({"error": one_line(message)}, status)


async def _as_error(request: Request, mistake: Exception) -> Response:
    assert isinstance(mistake, HTTPException)
    return error(f"{request.method} {request.url.path}: {mistake.detail}", mistake.status_code)


async def _internal(request: Request, mistake: Exception) -> Response:
    return error("internal error; see the server's log", 500)


class _Endpoint:
    def __init__(self, recogniser: Recogniser, options: ServeOptions) -> None:
        self.recogniser, self.options = recogniser, options
        self.limiter = CapacityLimiter(options.threads)
        self.num_streams = 0
        self.streaming: StreamingRecogniser | None = None
        self.why_not = ""
        try:
            self.streaming = StreamingRecogniser(recogniser)
            self.streaming.warm_up()
        except UserError as reason:
            self.why_not = str(reason)

    async def page(self, request: Request) -> Response:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers=PAGE_HEADERS)

    async def transcribe(self, request: Request) -> Response:
        limit = self.options.max_bytes
        too_large = error(f"the body is larger than {limit} bytes; send a shorter file", 413)
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            return too_large
        with tempfile.TemporaryDirectory(prefix="transcribe-") as folder:
            path = Path(folder, "audio")
            size = 0
            try:
                with path.open("wb") as file:
                    async for chunk in request.stream():
                        size += len(chunk)
                        if size > limit:
                            return too_large
                        file.write(chunk)
            except ClientDisconnect:
                return Response(status_code=400)
            if not size:
                return error("the body is empty; send an audio file", 400)
            try:
                text = await to_thread.run_sync(self._transcribe, path, limiter=self.limiter)
            except UserError as mistake:
                return error(str(mistake).replace(str(path), "audio"), 400)
        return Response(text, media_type="application/json")

    def _transcribe(self, path: Path) -> str:
        duration = AudioFile(path, self.recogniser.sampling_rate).duration
        if duration > self.options.max_seconds:
            raise UserError(
                f"{path}: {duration:.0f} s of audio, at most {self.options.max_seconds:g} s are "
                "taken; send it in parts"
            )
        return transcript_as_json(replace(transcribe(path, self.recogniser), path=Path("audio")))

    async def stream(self, socket: WebSocket) -> None:
        await socket.accept()
        rate = socket.query_params.get("rate", "")
        try:
            if self.streaming is None:
                await _refuse(socket, self.why_not, POLICY)
            elif not (rate.isdecimal() and len(rate) < 7 and MIN_RATE <= int(rate) <= MAX_RATE):
                said = f"rate {rate!r}: give ?rate=HZ, {MIN_RATE} to {MAX_RATE}"
                await _refuse(socket, said, POLICY)
            elif self.num_streams >= self.options.max_streams:
                await _refuse(socket, "too many streams at once; try again later", BUSY)
            else:
                self.num_streams += 1
                try:
                    await self._follow(socket, self.streaming.open(int(rate)))
                finally:
                    self.num_streams -= 1
        except WebSocketDisconnect:
            pass  # the client has gone, and its stream with it

    async def _follow(self, socket: WebSocket, stream: SpeechStream) -> None:
        decoder = PcmDecoder()
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            data = message.get("bytes")
            last = data is None
            if last and not _is_end(message.get("text")):
                said = 'a text message must be {"type": "end"}; samples are binary messages'
                return await _refuse(socket, said, WRONG_DATA)
            if len(data or b"") > MAX_MESSAGE:
                said = f"a message of more than {MAX_MESSAGE} bytes; send samples in smaller parts"
                return await _refuse(socket, said, TOO_LARGE)
            try:
                lines = await to_thread.run_sync(
                    _push, stream, decoder.push(data or b""), last, limiter=self.limiter
                )
            except UserError as mistake:
                return await _refuse(socket, mistake, FAILED)
            for line in lines:
                await socket.send_text(line)
            if last:
                await socket.send_text('{"type": "end"}')
                return await socket.close()


def _push(stream: SpeechStream, samples: np.ndarray, last: bool) -> list[str]:
    return [as_json(result) for result in stream.push(samples, last)]


def _is_end(text: str | None) -> bool:
    try:
        value = json.loads((text or "")[:MAX_COMMAND])
    except ValueError:
        return False
    return bool(value == {"type": "end"})


async def _refuse(socket: WebSocket, message: object, code: int) -> None:
    await socket.send_text(json.dumps({"error": one_line(message)}))
    await socket.close(code)
