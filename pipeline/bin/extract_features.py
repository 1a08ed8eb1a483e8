"""Program: one shard of the utterances -> feats.ark, feats.scp and the list of rejects."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.config import MfccOptions
from pipeline.features.mfcc import Extractor, extract
from pipeline.features.shards import Item, copies_of, read_items
from pipeline.io.archive import write_matrices
from pipeline.io.errors import run
from pipeline.io.options import parse_options
from pipeline.io.rejects import Reject, write_rejects
from pipeline.io.sharding import select_shard

CHUNK_UTTERANCES = 2000  # held in memory at a time


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--options", required=True, help="MfccOptions as JSON")
    parser.add_argument(
        "--manifests", type=Path, required=True, help="checksums of the manifests beside them"
    )
    parser.add_argument("--shard", type=int, default=0, help="0 to num_shards - 1")
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, required=True, help="feats.ark; scp and rejected.tsv come beside it"
    )
    return parser.parse_args()


def main() -> None:
    """Extract the features of one shard."""
    args = arguments()
    options = parse_options(MfccOptions, args.options, "--options")
    torch.set_num_threads(1)  # whole batches run in threads instead
    items = select_shard(read_items(args.manifests.parent), args.shard, options.num_shards)
    rejects: list[Reject] = []

    def features_of(items: list[Item], warp: float) -> Iterator[tuple[str, np.ndarray]]:
        extractor = Extractor(options, warp)
        for start in range(0, len(items), CHUNK_UTTERANCES):
            chunk = extract(items[start : start + CHUNK_UTTERANCES], extractor, args.num_threads)
            if warp == 1.0:  # bad audio is bad in every copy: listed once
                rejects.extend(chunk.rejects)
            yield from ((supervision["id"], frames) for supervision, frames in chunk.features)

    sets = [(items, 1.0), *((copies_of(items, warp), warp) for warp in options.train_warps)]
    features = (pair for chosen, warp in sets for pair in features_of(chosen, warp))
    count = write_matrices(args.output, args.output.with_suffix(".scp"), features)
    write_rejects(args.output.with_name("rejected.tsv"), rejects)
    print(f"{args.output}: {count} utterances, {len(rejects)} rejected", file=sys.stderr)


if __name__ == "__main__":
    run(main)
