"""Program: cuts with features -> CMVN statistics of each speaker."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.features.feature_set import load_feature_set
from pipeline.io.errors import run


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="cmvn.ark to write")
    parser.add_argument("--norm-vars", action="store_true", help="variances are normalised too")
    return parser.parse_args()


def main() -> None:
    """Accumulate and write the statistics."""
    args = arguments()
    features = load_feature_set(args.cuts)
    stats = compute_cmvn(features.frames, features.offsets, features.speakers, args.norm_vars)
    write_cmvn(args.output, stats)


if __name__ == "__main__":
    run(main)
