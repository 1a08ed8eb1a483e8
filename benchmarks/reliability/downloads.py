"""Faults of a download: a server that breaks off, damages, or is killed with its client."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.reliability.faults import Case, Outcome, new_folder
from benchmarks.reliability.toy import environment

CONTENT = random.Random(0).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SCRIPT = (
    "import sys; from pathlib import Path; from pipeline.data.download import fetch;"
    "from pipeline.io.errors import run;"
    "run(lambda: fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3], timeout=60))"
)


class _Server(ThreadingHTTPServer):
    stop_after: int | None = None  # bytes of an answer; the connection is then closed
    damaged = False
    pause = 0.0  # seconds after each 100 kB


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        content = bytearray(CONTENT)
        if server.damaged:
            content[len(content) // 2] ^= 1
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        rest = bytes(content[first:])[: server.stop_after]
        try:
            for at in range(0, len(rest), 100_000):
                self.wfile.write(rest[at : at + 100_000])
                time.sleep(server.pause)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _serving() -> Iterator[_Server]:
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


def _client(server: _Server, target: Path) -> subprocess.Popen[str]:
    url = f"http://127.0.0.1:{server.server_address[1]}/corpus.tar.gz"
    words = [sys.executable, "-c", SCRIPT, url, str(target), SHA256]
    return subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)


def _ends_well(server: _Server, target: Path, note: str) -> Outcome:
    said = _client(server, target).communicate()[1]
    if not target.is_file() or hashlib.sha256(target.read_bytes()).hexdigest() != SHA256:
        return Outcome(False, "other bytes", said[-300:])
    return Outcome(True, "same bytes", note)


def broken_off(case: Case, number: int) -> Outcome:
    """The connection ends in the middle."""
    target = new_folder(case, f"download{number}") / "corpus.tar.gz"
    with _serving() as server:
        server.stop_after = random.Random(number).randrange(len(CONTENT))
        said = _client(server, target).communicate()[1]
        if "run again to resume" not in said or target.exists():
            return Outcome(False, "did not say so", said[-300:])
        server.stop_after = None
        return _ends_well(server, target, said.strip().rpartition("/")[2])


def client_killed(case: Case, number: int) -> Outcome:
    """kill -9 of the download."""
    target = new_folder(case, f"killed_download{number}") / "corpus.tar.gz"
    with _serving() as server:
        server.pause = 0.1
        client = _client(server, target)
        part = target.with_name(target.name + ".part")
        while client.poll() is None and not (part.is_file() and part.stat().st_size):
            time.sleep(0.01)
        time.sleep(random.Random(number).uniform(0.0, 1.0))
        client.send_signal(signal.SIGKILL)
        client.wait()
        have = part.stat().st_size if part.is_file() else 0
        server.pause = 0.0
        return _ends_well(server, target, f"resumed at {have} of {len(CONTENT)} bytes")


def damaged(case: Case, number: int) -> Outcome:
    """One bit of the archive is wrong, wholly or in a part that is resumed."""
    target = new_folder(case, f"damaged_download{number}") / "corpus.tar.gz"
    with _serving() as server:
        server.damaged = True
        server.stop_after = None if number else len(CONTENT) - 1000
        said = _client(server, target).communicate()[1]
        if not number:
            server.stop_after, server.damaged = None, False
            said = _client(server, target).communicate()[1]
        if "SHA-256 is" not in said or target.exists():
            return Outcome(False, "did not say so", said[-300:])
        server.damaged = False
        outcome = _ends_well(server, target, "wrong checksum, nothing kept; fetched again")
        return outcome._replace(how="said what to do, then same bytes")
