"""The page in a real browser, with a file as its microphone (--with chromium)."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import soundfile
from websockets.sync.client import ClientConnection, connect

from tests.decode.tone_model import audio
from tests.serve.running_server import HOST

WORDS = ["LOW", "HIGH", "HIGH", "LOW"]
PATIENCE = 240.0  # s; only a page that never comes so far fails
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    *("--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"),
)


class Page:
    """A tab, by the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.numbers = count(1)

    def ask(self, expression: str) -> Any:
        """The value of some JavaScript."""
        number = next(self.numbers)
        parameters = {"expression": expression, "returnByValue": True, "userGesture": True}
        call = {"id": number, "method": "Runtime.evaluate", "params": parameters}
        self.socket.send(json.dumps(call))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                return answer["result"]["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The value, once it is true."""
        end = time.monotonic() + PATIENCE
        while not (value := self.ask(expression)):
            state = self.ask("document.body ? document.body.innerText : ''")
            assert time.monotonic() < end, f"{expression}: not true on the page: {state}"
            time.sleep(0.1)
        return value


@contextmanager
def browser(url: str, microphone: Path, folder: Path) -> Iterator[Page]:
    """Chromium with the page open."""
    arguments = [
        *(shutil.which("chromium") or "chromium", *FLAGS, f"--user-data-dir={folder}"),
        *(f"--use-file-for-fake-audio-capture={microphone}%noloop", url),
    ]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("DevTools listening on "))
        port = line.split("/")[2].split(":")[1]
        listing = f"http://{HOST}:{port}/json/list"
        page = ""
        while not page:
            page = _page_address(listing)
            time.sleep(0.1)
        with connect(page, open_timeout=PATIENCE, max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.communicate()


def _page_address(listing: str) -> str:
    from urllib.request import urlopen

    with urlopen(listing, timeout=PATIENCE) as answer:
        tabs = json.load(answer)
    return next((tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"), "")


@pytest.mark.needs("chromium")
def test_words_said_to_the_microphone_appear_on_the_page(port: int, tmp_path: Path) -> None:
    rate = 48000
    samples, _ = audio(WORDS, rate, pause=0.3, lead=1.5)
    soundfile.write(tmp_path / "said.wav", samples, rate, subtype="PCM_16")
    url = f"http://{HOST}:{port}/"
    with browser(url, tmp_path / "said.wav", tmp_path / "profile") as page:
        page.wait("document.readyState === 'complete' && !!document.getElementById('talk')")
        page.ask(
            "window.told = []; new MutationObserver(() => "
            "told.push(document.getElementById('partial').textContent)).observe("
            "document.getElementById('partial'), {childList: true, characterData: true,"
            " subtree: true})"
        )
        page.ask("document.getElementById('talk').click()")
        page.wait("document.getElementById('talk').textContent === 'Stop'")
        lines = "[...document.querySelectorAll('#final p')].map((p) => p.lastChild.textContent)"
        text = page.wait(f"{lines}.join('\\n')")
        assert text == " ".join(WORDS)
        told = [line for line in page.ask("told") if line]
        assert told[0] == "LOW"
        assert " ".join(WORDS) in told
        page.ask("document.getElementById('talk').click()")
        page.wait("document.getElementById('talk').textContent === 'Record'")
        page.wait("document.getElementById('status').textContent.startsWith('Press Record')")
