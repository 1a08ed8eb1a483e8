"""Program: log-likelihoods of a rung for each frame of a set; fMLLR for adapted models."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pipeline.config import DecodeOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.diag_gmm import with_squares
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options


def main() -> None:
    """Load, adapt where the model asks for it, write one matrix an utterance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--cmvn", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--graph", type=Path, help="HCLG.fst, for the first pass of adapted models")
    parser.add_argument("--lang", type=Path, help="for adapted models")
    parser.add_argument("--options", help="DecodeOptions as JSON, for adapted models")
    parser.add_argument("--output-fmllr", type=Path, help="the speakers' transforms, if adapted")
    parser.add_argument("--output-ark", type=Path, required=True)
    parser.add_argument("--output-scp", type=Path, required=True)
    args = parser.parse_args()
    model = GmmModel.load(args.model_dir)
    features = load_feature_set(args.cuts, args.cmvn)
    frames = model.transform.apply(features.frames, features.offsets)
    gmm = model.gmm
    if model.is_adapted:
        if args.graph is None or args.lang is None or args.options is None:
            raise UserError(f"{args.model_dir}: an adapted model needs --graph, --lang, --options")
        # They load the search: not for other models.
        from pipeline.decode.adaptation import adapt_by_decoding
        from pipeline.decode.inputs import SearchGraph

        options = parse_options(DecodeOptions, args.options, "decode")
        lang = Lang.load(args.lang)
        graph = SearchGraph.read(args.graph, args.lang / "words.txt")
        transforms = adapt_by_decoding(model, lang, features, frames, graph, options)
        if args.output_fmllr is not None:
            write_matrices(args.output_fmllr, None, sorted(transforms.items()), np.float64)
        frames = apply_fmllr(frames, features.offsets, features.speakers, transforms)
    write_matrices(
        args.output_ark,
        args.output_scp,
        (
            (
                utterance_id,
                gmm.log_likelihoods(
                    with_squares(frames[features.offsets[u] : features.offsets[u + 1]])
                ),
            )
            for u, utterance_id in enumerate(features.utterance_ids)
        ),
    )


if __name__ == "__main__":
    run(main)
