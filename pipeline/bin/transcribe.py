"""Program: audio files and a model folder -> transcripts: text, CTM, subtitles or JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.decode.recogniser import Recogniser
from pipeline.decode.transcribe import TranscribeOptions, transcribe
from pipeline.decode.transcript_files import FORMATS
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError, run


def transcribe_files(
    files: list[Path],
    model: Path,
    formats: list[str],
    output_dir: Path | None,
    options: TranscribeOptions,
    beam: float | None = None,
) -> list[str]:
    """Transcribe each file; a bad one is reported and does not stop the others.

    Args:
        formats: some of FORMATS, each written to NAME.FORMAT in ``output_dir``; without a folder
            they are printed.
    Returns:
        Messages, one for each bad file.
    Raises:
        UserError: the model folder cannot be used, two files have one name, or no file was good.
    """
    names = [path.stem for path in files]
    if output_dir is not None and len(set(names)) < len(names):
        raise UserError("files: two have the same name but for folder or ending; rename one")
    recogniser = Recogniser.open(model, beam)
    failed = []
    for path in files:
        try:
            transcript = transcribe(path, recogniser, options)
        except UserError as error:
            failed.append(str(error))
            if len(files) > 1:
                print(f"warning: {error}", file=sys.stderr)
            continue
        for name in formats:
            text = FORMATS[name](transcript)
            if output_dir is None:
                print(text, end="")
            else:
                write_text(output_dir / f"{path.stem}.{name}", text)
    if len(failed) == len(files):
        raise UserError(
            "no file could be transcribed; see the warnings" if failed[1:] else failed[0]
        )
    return failed


def main(arguments: list[str] | None = None) -> None:
    """Load the model once, transcribe all files."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.transcribe", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True, help="folder of hybrid pack")
    parser.add_argument("--format", nargs="+", choices=sorted(FORMATS), default=["txt"])
    parser.add_argument("--output-dir", type=Path, help="default: print")
    parser.add_argument("--segmentation", choices=["vad", "windows"], default="vad")
    parser.add_argument("--longest", type=float, default=20.0, help="s of a segment")
    parser.add_argument("--overlap", type=float, default=2.0, help="s of two windows")
    parser.add_argument("--bayes-risk", action="store_true", help="fewest expected word errors")
    parser.add_argument("--beam", type=float, help="default: the model's")
    args = parser.parse_args(arguments)
    options = TranscribeOptions(args.segmentation, args.longest, args.overlap, args.bayes_risk)
    failed = transcribe_files(
        args.files, args.model, args.format, args.output_dir, options, args.beam
    )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
