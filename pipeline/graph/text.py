"""Text for language models: one sentence a line, plain or gzipped, or a set's transcripts."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines


def read_sentences(path: Path) -> Iterator[list[str]]:
    """Words of each line that has any.

    Raises:
        UserError: the line that is not UTF-8, or a damaged gzip file.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    words = line.decode("utf-8").split()
                except UnicodeDecodeError:
                    raise UserError(f"{path}: line {number}: not UTF-8; convert the file") from None
                if words:
                    yield words
    except (EOFError, gzip.BadGzipFile):
        raise UserError(f"{path}: damaged gzip file; make it again") from None


def transcripts(cuts: Path) -> Iterator[list[str]]:
    """Words of each utterance of a cuts.jsonl.gz."""
    for cut in read_json_lines(cuts):
        yield cut["supervisions"][0]["text"].split()
