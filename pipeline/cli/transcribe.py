"""`hybrid transcribe`: the words of any audio file, by the program of that name."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.workflow import program_environment


class Form(StrEnum):
    """Forms of a transcript."""

    TXT = "txt"
    CTM = "ctm"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Any audio.")],
    model: Annotated[Path, typer.Option(metavar="DIR", help="Model folder, of hybrid pack.")],
    form: Annotated[
        list[Form] | None, typer.Option("--format", help="May be repeated [default: txt].")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For NAME.FORMAT [default: print].")
    ] = None,
    segmentation: Annotated[
        Literal["vad", "windows"], typer.Option(help="At pauses, or windows that overlap.")
    ] = "vad",
    bayes_risk: Annotated[
        bool, typer.Option("--bayes-risk", help="Fewest expected word errors.")
    ] = False,
    beam: Annotated[float | None, typer.Option(min=0.1, help="[default: the model's]")] = None,
) -> None:
    """Transcribe audio files of any length and sampling rate with a trained model's folder.

    Examples:

      hybrid transcribe talk.flac --model models/digits

      hybrid transcribe *.wav --model models/digits --format srt --output-dir subtitles
    """
    words = [
        *(sys.executable, "-m", "pipeline.bin.transcribe", *map(str, files)),
        *("--model", str(model), "--format", *(form or [Form.TXT]), "--segmentation", segmentation),
        *(["--output-dir", str(output_dir)] if output_dir else []),
        *(["--bayes-risk"] if bayes_risk else []),
        *(["--beam", str(beam)] if beam else []),
    ]
    environment = {**os.environ, **program_environment(os.environ, conda=False)}
    status = subprocess.run(words, env=environment, check=False).returncode
    if status:
        raise typer.Exit(status)
