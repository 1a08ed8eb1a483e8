"""Program: cuts of single words -> a network that names a word at its last frame."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from pipeline.config import WholeWordOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.io.atomic import write_text
from pipeline.io.errors import run
from pipeline.io.options import parse_options
from pipeline.io.rejects import write_rejects
from pipeline.nnet.progress import ConsoleReporter
from pipeline.nnet.train import train
from pipeline.nnet.whole_word import make_word_set


def main(arguments: list[str] | None = None) -> None:
    """Read features and transcripts, train, write the model beside words.txt."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.train_whole_word", description=__doc__
    )
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the train set")
    parser.add_argument("--cmvn", type=Path, required=True, help="its cmvn.ark")
    parser.add_argument("--options", required=True, help="WholeWordOptions as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    options = parse_options(WholeWordOptions, args.options, "--options")
    features = load_feature_set(args.cuts, args.cmvn, options.model.norm_vars)
    training, words = make_word_set(features, str(args.cuts))
    write_rejects(args.output_dir / "rejected.tsv", training.rejects)
    with ConsoleReporter() as reporter:
        if training.rejects:
            reporter.message(
                f"{len(training.rejects)} of {features.num_utterances} utterances are not a single "
                f"word and are left out; all are in {args.output_dir / 'rejected.tsv'}"
            )
        train(training, len(words), options, args.seed, args.output_dir, reporter=reporter)
    write_text(args.output_dir / "words.txt", "".join(f"{word}\n" for word in words))


if __name__ == "__main__":
    run(main)
