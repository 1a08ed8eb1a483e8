"""Program: the cuts of one set of one split."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipeline.data.corpus import SETS
from pipeline.data.split import check_models, select_cuts
from pipeline.io.errors import run
from pipeline.io.json_lines import read_json_lines, write_json_lines


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=Path, required=True, help="splits.json of the data stage")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of all utterances")
    parser.add_argument("--split", required=True)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--models-from", metavar="SPLIT", help="whose models the split has")
    parser.add_argument("--output", type=Path, required=True, help="cuts.jsonl.gz to write")
    return parser.parse_args()


def main() -> None:
    """Select the cuts."""
    args = arguments()
    splits = json.loads(args.splits.read_text(encoding="utf-8"))
    if args.models_from is not None:
        check_models(splits, args.split, args.models_from)
    cuts = select_cuts(read_json_lines(args.cuts), splits, args.split, args.set)
    write_json_lines(args.output, cuts)
    print(f"{args.split} {args.set}: {len(cuts)} utterances", file=sys.stderr)


if __name__ == "__main__":
    run(main)
