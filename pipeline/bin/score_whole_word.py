"""Program: cuts of single words and a whole-word network -> accuracy and confusions as JSON."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import torch

from pipeline.features.feature_set import load_feature_set
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError, run
from pipeline.nnet.model_files import load_model
from pipeline.nnet.whole_word import classify, whole_word_results


def main(arguments: list[str] | None = None) -> None:
    """Read the set, name each word, compare with the transcripts."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.score_whole_word", description=__doc__
    )
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the test set")
    parser.add_argument("--cmvn", type=Path, required=True, help="its cmvn.ark")
    parser.add_argument("--model-dir", type=Path, required=True, help="output of train_whole_word")
    parser.add_argument("--output", type=Path, required=True, help="results.json")
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    torch.set_num_threads(1)
    model = load_model(args.model_dir)
    path = args.model_dir / "words.txt"
    if not path.exists():
        raise UserError(f"{path}: no such file; give the output of train_whole_word")
    words = path.read_text(encoding="utf-8").split()
    if len(words) != model.network.num_pdfs:
        raise UserError(
            f"{path}: {len(words)} words for {model.network.num_pdfs} outputs; train again"
        )
    features = load_feature_set(args.cuts, args.cmvn, model.network.options.norm_vars)
    results = whole_word_results(features, classify(model, features, words), words)
    write_json(args.output, results)
    print(
        f"{args.output}: {results['correct']} of {results['utterances']} words correct, "
        f"{results['accuracy']:.2f} %",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
