"""Program: what the shards of a search wrote -> hypotheses and lattices of the whole set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.decode.shards import merge_shards
from pipeline.io.errors import run


def main() -> None:
    """Merge the shards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-shards", type=int, required=True)
    parser.add_argument(
        "--output-dir", type=Path, required=True, help="for the result; holds shards/<number>/"
    )
    args = parser.parse_args()
    shards = [args.output_dir / "shards" / str(shard) for shard in range(args.num_shards)]
    count = merge_shards(shards, args.output_dir)
    print(f"{args.output_dir}: {count} utterances of {args.num_shards} shards", file=sys.stderr)


if __name__ == "__main__":
    run(main)
