"""The tone network and a server of it, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.decode.recogniser import Recogniser
from pipeline.serve.app import ServeOptions
from tests.decode.tone_network import export_tone_network
from tests.serve.running_server import serving

BOUNDS = ServeOptions(max_bytes=400_000, max_seconds=20.0, max_streams=3)


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all parts of the model; the model's own folder is stream/."""
    folder = tmp_path_factory.mktemp("served")
    export_tone_network(folder)
    return folder


@pytest.fixture(scope="package")
def port(made: Path) -> Iterator[int]:
    """Of a running server."""
    with serving(Recogniser.open(made / "stream"), BOUNDS) as number:
        yield number
