"""Program: a recipe's run -> the inputs of a study, in one small folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.io.errors import run
from pipeline.study.inputs import collect


def main() -> None:
    """Gather sets, targets and graphs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="exp/RECIPE")
    parser.add_argument("--split", required=True)
    parser.add_argument("--rung", required=True, help="whose alignment is learned")
    parser.add_argument("--grammars", nargs="+", required=True)
    parser.add_argument("--norm-vars", action="store_true")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    collect(args.run, args.split, args.rung, tuple(args.grammars), args.output_dir, args.norm_vars)


if __name__ == "__main__":
    run(main)
