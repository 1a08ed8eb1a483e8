"""Program: a text and the lang -> an LSTM language model of the lang's words."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import LmOptions
from pipeline.graph.text import read_sentences, transcripts
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.lm.train import train_lm
from pipeline.nnet.progress import make_reporter


def main(arguments: list[str] | None = None) -> None:
    """Read the text, train, write the model."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.train_lm", description=__doc__)
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--options", required=True, help="LmOptions as JSON")
    parser.add_argument("--cuts", type=Path, help="of a training set: no text in the options")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    options = parse_options(LmOptions, args.options, "--options")
    if options.text is not None:
        sentences = list(read_sentences(Path(options.text)))
    elif args.cuts is not None:
        sentences = [words for words in transcripts(args.cuts) if words]
    else:
        raise UserError("--cuts: the model needs it, or a text in its option 'text'")
    test = None if options.test_file is None else list(read_sentences(Path(options.test_file)))
    with make_reporter(shown=True, unit="words") as reporter:
        train_lm(
            sentences, Lang.load(args.lang), options, args.seed, args.output_dir, reporter, test
        )


if __name__ == "__main__":
    run(main)
