"""Program: all shards' archives -> one cuts manifest, and one list of all rejects so far."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.config import MfccOptions
from pipeline.data.prepare import check_fraction
from pipeline.features.archive_list import write_archive_list
from pipeline.features.shards import copies_of, merge_shards, read_items
from pipeline.io.errors import run
from pipeline.io.json_lines import write_json_lines
from pipeline.io.options import parse_options
from pipeline.io.rejects import read_rejects, write_rejects


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--options", required=True, help="MfccOptions as JSON")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the data stage")
    parser.add_argument("--max-rejected-fraction", type=float, default=0.2)
    parser.add_argument(
        "--features-dir", type=Path, required=True, help="folder of the shards, and of the output"
    )
    return parser.parse_args()


def main() -> None:
    """Merge the shards."""
    args = arguments()
    options = parse_options(MfccOptions, args.options, "--options")
    items = read_items(args.data_dir)
    shards = [args.features_dir / str(shard) for shard in range(options.num_shards)]
    cuts = merge_shards(
        items + [copy for warp in options.train_warps for copy in copies_of(items, warp)],
        [shard / "feats.ark" for shard in shards],
        f"kaldi-{options.type}",
        options.frame_shift_ms / 1000.0,
        options.sampling_rate,
    )
    lists = [folder / "rejected.tsv" for folder in (args.data_dir, *shards)]
    rejects = [reject for path in lists if path.is_file() for reject in read_rejects(path)]
    rejected = args.features_dir / "rejected.tsv"
    write_rejects(rejected, rejects)
    where = f"features (all reasons in {rejected})"
    check_fraction(rejects, len(cuts), args.max_rejected_fraction, where)
    write_json_lines(args.features_dir / "cuts.jsonl.gz", cuts)
    write_archive_list(args.features_dir, [shard / "feats.ark" for shard in shards])
    print(f"features: {len(cuts)} utterances, {len(rejects)} rejected", file=sys.stderr)


if __name__ == "__main__":
    run(main)
