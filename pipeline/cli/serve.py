"""`hybrid serve`: recognition over HTTP and WebSocket, by the program of that name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.programs import run_program


def serve(
    model: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="Folder of hybrid pack.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0: all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    beam: Annotated[float | None, typer.Option(min=0.1, help="[default: the model's]")] = None,
) -> None:
    """Serve a model: a page that shows words as they are said, files by POST, streams by WebSocket.

    POST /transcribe takes an audio file; WebSocket /stream?rate=HZ takes 16-bit samples. Browsers
    give a microphone to pages of localhost and of https only.

    Examples:

      hybrid serve models/digits --port 8000

      curl --data-binary @talk.flac http://127.0.0.1:8000/transcribe
    """
    words = [str(model), "--host", host, "--port", str(port)]
    run_program("serve", [*words, *(["--beam", str(beam)] if beam else [])])
