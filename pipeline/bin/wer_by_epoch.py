"""Program: the weights of a network's epochs and a graph -> held-out WER by epoch."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import torch

from pipeline.decode.inputs import SearchGraph
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.options import SearchOptions, Setting
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.transform import adapt_features
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError, run
from pipeline.nnet.averaging import HELD_OUT, kept_epochs
from pipeline.nnet.model_files import load_model
from pipeline.score.by_epoch import wer_by_epoch


def main(arguments: list[str] | None = None) -> None:
    """Decode the held-out training utterances with each epoch's weights, score, write."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.wer_by_epoch", description=__doc__
    )
    parser.add_argument("--model-dir", type=Path, required=True, help="output of train_nnet")
    parser.add_argument("--epochs-dir", type=Path, required=True, help="its folder epochs")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the train set")
    parser.add_argument("--cmvn", type=Path, required=True, help="its cmvn.ark")
    parser.add_argument("--transform", type=Path, help="of the rung; only for fmllr features")
    parser.add_argument("--fmllr", type=Path, help="fmllr.ark of the rung's alignment; likewise")
    parser.add_argument("--graph", type=Path, required=True, help="HCLG.fst; graph.json beside it")
    parser.add_argument("--words", type=Path, required=True, help="words.txt")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON")
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="wer_by_epoch.json")
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    torch.set_num_threads(args.num_threads)
    options = SearchOptions.from_json(args.options)
    listed = args.epochs_dir / HELD_OUT
    if not listed.is_file():
        raise UserError(f"{listed}: no such file; train the network with training.wer_epochs")
    wanted = listed.read_text(encoding="utf-8").split()
    epochs = kept_epochs(args.epochs_dir)
    if not wanted or not epochs:
        raise UserError(f"{args.epochs_dir}: no utterance or no epoch; train the network again")
    model = load_model(args.model_dir)
    features = load_feature_set(args.cuts, args.cmvn, model.network.options.norm_vars)
    place = features.index_of
    missing = [name for name in wanted if name not in place]
    if missing:
        raise UserError(f"{args.cuts}: {missing[0]}: held out but not here; give the training set")
    held_out = features.select([place[name] for name in wanted])
    if args.fmllr is not None:
        held_out = adapt_features(held_out, args.transform, args.fmllr)
    graph = SearchGraph.read(args.graph, args.words)
    setting = Setting(options.lm_weight, options.insertion_penalty)
    rows = wer_by_epoch(model, epochs, held_out, graph, KaldiSearch(graph, options), setting)
    write_json(
        args.output,
        {
            "utterances": held_out.num_utterances,
            "lm_weight": setting.lm_weight,
            "insertion_penalty": setting.insertion_penalty,
            "epochs": rows,
        },
    )
    print(
        f"{args.output}: {held_out.num_utterances} held-out utterances, WER "
        + " ".join(f"{row['wer']:.2f}" for row in rows),
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
