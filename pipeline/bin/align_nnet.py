"""Program: align a set with a trained network; write transition-ids, rejects, what to look at."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch

from pipeline.align.files import write_alignment
from pipeline.align.triage import judge
from pipeline.config import AlignOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.transform import adapt_features
from pipeline.gmm.workers import start_workers
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.nnet.model_files import load_model
from pipeline.nnet.realignment import align_with_network


def main(arguments: list[str] | None = None) -> None:
    """Load, align, write."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.align_nnet", description=__doc__)
    parser.add_argument("--lang", type=Path, required=True)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--cmvn", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True, help="output of train_nnet")
    parser.add_argument("--transform", type=Path, help="of the rung; only for fmllr features")
    parser.add_argument("--fmllr", type=Path, help="fmllr.ark of this set's speakers; likewise")
    parser.add_argument("--options", required=True, help="AlignOptions as JSON")
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    options = parse_options(AlignOptions, args.options, "align")
    torch.set_num_threads(args.num_threads)
    model = load_model(args.model_dir)
    hmm, lang = Hmm.load(args.model_dir / "hmm.json"), Lang.load(args.lang)
    features = load_feature_set(args.cuts, args.cmvn, model.network.options.norm_vars)
    inputs = features
    if args.fmllr is not None:
        inputs = adapt_features(features, args.transform, args.fmllr)
    with start_workers(args.num_threads) as workers:
        parts = list(align_with_network(model, hmm, lang, features, inputs, options, workers))
    if not any(np.isfinite(part.score).any() for part in parts):
        raise UserError(f"{args.cuts}: no utterance could be aligned; widen align.retry_beam")
    findings = judge(hmm, lang, [part.measured for part in parts])
    write_alignment(parts, findings, args.cuts, args.output_dir)


if __name__ == "__main__":
    run(main)
