"""The command line that the decoders' programs share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.decode.decode import Search, decode_files
from pipeline.decode.inputs import SearchGraph
from pipeline.decode.options import SearchOptions


def decode_program(
    description: str | None, make_search: Callable[[SearchGraph, SearchOptions], Search]
) -> None:
    """Read the arguments, load the graph, decode, report one line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--graph", type=Path, required=True, help="HCLG.fst; graph.json beside it")
    parser.add_argument("--hmm", type=Path, help="hmm.json of the model: checked to be the graph's")
    parser.add_argument("--words", type=Path, required=True, help="words.txt")
    parser.add_argument("--loglikes", type=Path, required=True, help="scp or ark, (T, P) each")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON")
    parser.add_argument("--shard", type=int, default=0, help="0 to num-shards - 1")
    parser.add_argument("--num-shards", type=int, default=1, help="jobs that share the scp")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    options = SearchOptions.from_json(args.options)
    graph = SearchGraph.read(args.graph, args.words)
    if args.hmm is not None:
        graph.check_model(args.hmm)
    summary = decode_files(
        make_search(graph, options),
        graph,
        args.loglikes,
        options,
        args.output_dir,
        args.shard,
        args.num_shards,
    )
    print(summary, file=sys.stderr)
