"""Program: a recipe's run -> the inputs of a study, in one small folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.io.errors import run
from pipeline.study.inputs import BEAM, MAX_ACTIVE, Selection, collect


def main() -> None:
    """Gather sets, targets and graphs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="exp/RECIPE")
    parser.add_argument("--split", required=True)
    parser.add_argument("--rung", required=True, help="whose alignment is learned")
    parser.add_argument("--grammars", nargs="+", required=True)
    parser.add_argument("--norm-vars", action="store_true")
    parser.add_argument("--max-train-frames", type=int, help="utterances at even distances")
    parser.add_argument("--max-test-utterances", type=int, help="likewise")
    parser.add_argument("--beam", type=float, default=BEAM, help="of the search, scaled costs")
    parser.add_argument("--max-active", type=int, default=MAX_ACTIVE)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    selection = Selection(
        args.norm_vars,
        args.max_train_frames,
        args.max_test_utterances,
        args.beam,
        args.max_active,
    )
    collect(args.run, args.split, args.rung, tuple(args.grammars), args.output_dir, selection)


if __name__ == "__main__":
    run(main)
