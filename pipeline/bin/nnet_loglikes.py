"""Program: cuts and a trained network -> an archive of log-likelihoods."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import torch

from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.transform import adapt_features
from pipeline.io.archive import write_matrices
from pipeline.io.errors import run
from pipeline.nnet.forward import forward
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model_files import load_model


def main(arguments: list[str] | None = None) -> None:
    """Read the set, run the network over it, write a (T, P) matrix for each utterance."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.nnet_loglikes", description=__doc__
    )
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the set")
    parser.add_argument("--cmvn", type=Path, required=True, help="its cmvn.ark")
    parser.add_argument("--model-dir", type=Path, required=True, help="output of train_nnet")
    parser.add_argument("--transform", type=Path, help="of the rung; only for fmllr features")
    parser.add_argument("--fmllr", type=Path, help="fmllr.ark of this set's speakers; likewise")
    parser.add_argument("--output-ark", type=Path, required=True)
    parser.add_argument("--output-scp", type=Path, required=True)
    parser.add_argument("--int8", action="store_true", help="quantise a float32 network first")
    parser.add_argument("--num-threads", type=int, default=1)
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    torch.set_num_threads(args.num_threads)
    model = load_model(args.model_dir)
    if args.int8 and model.network.weights != "int8":
        quantize(model.network)
    features = load_feature_set(args.cuts, args.cmvn, model.network.options.norm_vars)
    if args.fmllr is not None:
        features = adapt_features(features, args.transform, args.fmllr)
    count = write_matrices(args.output_ark, args.output_scp, forward(model, features))
    print(f"{args.output_ark}: {count} utterances, {features.num_frames} frames", file=sys.stderr)


if __name__ == "__main__":
    run(main)
