"""`hybrid transcribe`: the words of any audio, by the programs transcribe and transcribe_stream."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.arguments import mistakes_as_lines
from pipeline.cli.programs import run_program
from pipeline.io.errors import UserError


class Form(StrEnum):
    """Forms of a transcript."""

    TXT = "txt"
    CTM = "ctm"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


def transcribe(
    model: Annotated[Path, typer.Option(metavar="DIR", help="Model folder, of hybrid pack.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Any audio.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Standard input instead of files, words as they come.")
    ] = False,
    sampling_rate: Annotated[
        int | None, typer.Option(metavar="HZ", help="Of a stream of raw 16-bit samples.")
    ] = None,
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

    A stream is WAV or, with --sampling-rate, raw 16-bit samples of one channel. Its partial words
    go to standard error; with --format json all goes to standard output, a line each.

    Examples:

      hybrid transcribe talk.flac --model models/digits

      hybrid transcribe *.wav --model models/digits --format srt --output-dir subtitles

      arecord -q -f S16_LE -r 16000 | hybrid transcribe --stream --sampling-rate 16000 --model m
    """
    with mistakes_as_lines():
        words = (_of_stream if stream else _of_files)(
            model, files or [], form or [Form.TXT], sampling_rate
        )
        if stream and (output_dir or bayes_risk or segmentation != "vad"):
            raise UserError("--output-dir, --segmentation and --bayes-risk are not for --stream")
    words += [
        *(["--segmentation", segmentation] if not stream else []),
        *(["--output-dir", str(output_dir)] if output_dir else []),
        *(["--bayes-risk"] if bayes_risk else []),
        *(["--beam", str(beam)] if beam else []),
    ]
    run_program("transcribe_stream" if stream else "transcribe", words)


def _of_files(
    model: Path, files: list[Path], forms: list[Form], sampling_rate: int | None
) -> list[str]:
    if not files:
        raise UserError("no FILE; name some, or give --stream")
    if sampling_rate is not None:
        raise UserError("--sampling-rate is for --stream; a file says its own")
    return [
        *map(str, files),
        *("--model", str(model), "--format", *forms),
    ]


def _of_stream(
    model: Path, files: list[Path], forms: list[Form], sampling_rate: int | None
) -> list[str]:
    if files:
        raise UserError("--stream reads standard input; leave out the files")
    if forms not in ([Form.TXT], [Form.JSON]):
        raise UserError("--stream has the forms txt and json, one of them")
    return [
        *("--model", str(model), "--format", *forms),
        *(["--sampling-rate", str(sampling_rate)] if sampling_rate else []),
    ]
