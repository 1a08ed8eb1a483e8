"""A server of the tone network on a free port of this machine, in a thread."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.bin.serve import listen, server
from pipeline.decode.recogniser import Recogniser
from pipeline.serve.app import ServeOptions

HOST = "127.0.0.1"


@contextmanager
def serving(recogniser: Recogniser, options: ServeOptions | None = None) -> Iterator[int]:
    """Yield the port."""
    with listen(HOST, 0) as accepting:
        ready = server(recogniser, options)
        thread = threading.Thread(target=ready.run, args=([accepting],))
        thread.start()
        try:
            yield accepting.getsockname()[1]
        finally:
            ready.should_exit = True
            thread.join()


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
    """Status, headers and content (JSON, or text) of an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=300)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read().decode("utf-8")
        is_json = (answer.getheader("content-type") or "").startswith("application/json")
        return answer.status, answer.headers, json.loads(content) if is_json else content
    finally:
        connection.close()
