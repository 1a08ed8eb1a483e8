"""Program: a trained model, lang and graph -> a self-contained folder that transcribe reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.config import DecodeOptions, MfccOptions
from pipeline.decode.model_directory import export_model
from pipeline.io.errors import run
from pipeline.io.options import parse_options


def main(arguments: list[str] | None = None) -> None:
    """Check, copy, write the manifest."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.export_model", description=__doc__
    )
    parser.add_argument("--model-dir", type=Path, required=True, help="of a network or a rung")
    parser.add_argument("--adaptation-dir", type=Path, help="rung, for a network on fmllr features")
    parser.add_argument("--lang", type=Path, required=True, help="the lang folder of the graph")
    parser.add_argument("--graph", type=Path, required=True, help="HCLG.fst; graph.json beside it")
    parser.add_argument("--features", required=True, help="MfccOptions as JSON")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON")
    parser.add_argument("--cmvn", type=Path, help="cmvn.ark of the training set, to follow streams")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    exported = export_model(
        args.model_dir,
        args.lang,
        args.graph,
        parse_options(MfccOptions, args.features, "--features"),
        parse_options(DecodeOptions, args.options, "--options"),
        args.output_dir,
        args.adaptation_dir,
        args.cmvn,
    )
    print(f"{exported.folder}: a model of kind {exported.kind}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
