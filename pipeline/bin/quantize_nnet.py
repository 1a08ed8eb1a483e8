"""Program: a trained network -> the same in int8, in a model directory of its own."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model_files import load_model, save_model

BESIDE = (
    "hmm.json",
    "words.txt",
    "log.jsonl",
)  # what else a model directory may hold and programs read


def main(arguments: list[str] | None = None) -> None:
    """Read, quantise, write; say how much smaller the weights have become."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.quantize_nnet", description=__doc__
    )
    parser.add_argument("--model-dir", type=Path, required=True, help="output of train_nnet")
    parser.add_argument("--output-dir", type=Path, required=True, help="another folder")
    args = parser.parse_args(arguments)
    if args.output_dir.resolve() == args.model_dir.resolve():
        raise UserError(f"--output-dir: {args.output_dir}: is the model itself; name another")
    model = load_model(args.model_dir)
    if model.network.weights == "int8":
        raise UserError(f"--model-dir: {args.model_dir}: is int8 already")
    quantize(model.network)
    about = json.loads((args.model_dir / "model.json").read_text(encoding="utf-8"))
    args.output_dir.mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        if (args.model_dir / name).exists():
            shutil.copyfile(args.model_dir / name, args.output_dir / name)
    save_model(args.output_dir, model, about["training"])
    folders = (args.model_dir, args.output_dir)
    before, after = ((folder / "model.safetensors").stat().st_size for folder in folders)
    print(
        f"{args.output_dir}: {after:,} bytes of weights, {before / after:.2f} times fewer",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
