"""Program: audio from standard input and a model folder -> words as they come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
import torch

from pipeline.data.pcm_stream import PcmStream
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.stream import PartialResult, Result, StreamingRecogniser, as_json
from pipeline.io.errors import UserError, run

LONGEST_WAIT = 0.3  # s; a model that waits longer is warned of
Show = Callable[[Result], None]


def text_printer(output: TextIO, beside: TextIO) -> Show:
    """Final words to ``output``, a line an utterance; partial ones ``beside``.

    On a terminal the partial line is written over until its utterance has ended.
    """
    shown = False
    over = beside.isatty()

    def show(result: Result) -> None:
        nonlocal shown
        if isinstance(result, PartialResult):
            text = " ".join(result.words)
            print(f"\r\x1b[K{text}" if over else text, end="" if over else "\n", file=beside)
            beside.flush()
            shown = over
            return
        if shown:
            print("\r\x1b[K", end="", file=beside, flush=True)
            shown = False
        if result.words:
            print(" ".join(word.word for word in result.words), file=output, flush=True)

    return show


def json_printer(output: TextIO) -> Show:
    """All results to ``output``, a line each."""

    def show(result: Result) -> None:
        print(as_json(result), file=output, flush=True)

    return show


def transcribe_stream(
    stream: BinaryIO,
    model: StreamingRecogniser,
    show: Show,
    sampling_rate: int | None = None,
    chunk: float = 0.1,
) -> None:
    """Follow a stream to its end, or until interrupted.

    Args:
        sampling_rate: Hz of raw 16-bit samples; None: a WAV stream.
        chunk: s of audio that are taken at a time.
    Raises:
        UserError: the stream holds no audio.
    """
    audio = PcmStream(stream, sampling_rate, "standard input")
    speech = model.open(audio.rate)
    try:
        for samples in audio.blocks(chunk):
            for result in speech.push(samples):
                show(result)
    except KeyboardInterrupt:
        pass  # what has been heard is still told
    for result in speech.push(np.zeros(0, np.float32), last=True):
        show(result)


def main(arguments: list[str] | None = None) -> None:
    """Load the model, follow standard input."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.transcribe_stream", description=__doc__
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of export_model")
    parser.add_argument("--sampling-rate", type=int, help="Hz, of raw samples [default: WAV]")
    parser.add_argument("--format", choices=["txt", "json"], default="txt")
    parser.add_argument("--chunk", type=float, default=0.1, help="s taken at a time")
    parser.add_argument("--beam", type=float, help="default: the model's")
    args = parser.parse_args(arguments)
    if not 0.01 <= args.chunk <= 10.0:
        raise UserError(f"--chunk {args.chunk:g}: must be 0.01 to 10 s")
    torch.set_num_threads(1)  # a frame or ten at a time: more threads only wait for each other
    model = StreamingRecogniser(Recogniser.open(args.model, args.beam))
    if model.latency + args.chunk > LONGEST_WAIT:
        print(
            f"warning: {args.model}: partial results come {model.latency + args.chunk:.2f} s late",
            file=sys.stderr,
        )
    model.warm_up()
    print("listening", file=sys.stderr)
    show = (
        json_printer(sys.stdout) if args.format == "json" else text_printer(sys.stdout, sys.stderr)
    )
    transcribe_stream(sys.stdin.buffer, model, show, args.sampling_rate, args.chunk)


if __name__ == "__main__":
    run(main)
