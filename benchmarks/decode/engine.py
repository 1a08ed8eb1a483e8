"""Program: one engine, one graph, one set of log-likelihoods: CPU seconds, memory, words, as JSON.

Runs in the environment of k2 too: it imports what the decoders' programs import.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.decode.decode import Search, batches, best_paths, word_lattices
from pipeline.decode.inputs import SearchGraph, Utterance, read_utterances
from pipeline.decode.options import SearchOptions, Setting

ENGINES = {
    "native": ("pipeline.decode.native_search", "NativeSearch"),
    "kaldi": ("pipeline.decode.kaldi_search", "KaldiSearch"),
    "k2": ("pipeline.decode.k2_search", "K2Search"),
}
Found = tuple[float | None, list[str]]  # cost of the best whole path; words
WARM_FRAMES = 20  # of the first utterance, so that nothing is compiled while the clock runs


class Clock:
    """CPU and wall seconds of parts."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, float]] = {}

    def lap(self, name: str, began: tuple[float, float]) -> None:
        """Add what has passed since."""
        cpu, wall = self.now()
        before = self.parts.get(name, (0.0, 0.0))
        self.parts[name] = before[0] + cpu - began[0], before[1] + wall - began[1]

    @staticmethod
    def now() -> tuple[float, float]:
        """CPU seconds of the process, all threads; wall seconds."""
        return time.process_time(), time.perf_counter()


def groups(utterances: list[Utterance], batched: bool) -> Iterator[list[Utterance]]:
    """As the programs search them, or one at a time."""
    return batches(utterances) if batched else ([utterance] for utterance in utterances)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Load, search, make lattices."""
    module, name = ENGINES[args.engine]
    options = SearchOptions.from_json(args.options)
    make: Any = getattr(importlib.import_module(module), name)
    clock = Clock()
    began = clock.now()
    graph = SearchGraph.read(args.graph, args.words)
    search: Search = make(graph, options)
    clock.lap("graph", began)
    every = islice(read_utterances(args.loglikes, graph.num_pdfs, []), args.first, None, args.every)
    utterances = list(every)
    first = utterances[0]
    setting = Setting(options.lm_weight, options.insertion_penalty)

    def lattices(group: list[Utterance]) -> dict[str, Found]:
        began = clock.now()
        batch = search.decode(group)
        clock.lap("search", began)
        began = clock.now()
        paths = best_paths(batch, [setting])
        word_lattices(batch, options.lm_weight, options.lattice_beam, graph.words.name)
        clock.lap("lattice", began)
        return {
            p.utterance_id: (p.total if reached else None, [graph.words.name(w) for w in p.words])
            for p, reached in zip(paths, batch.reached_final, strict=True)
        }

    lattices([Utterance("warm", first.log_likes[:WARM_FRAMES])])
    parts = clock.parts
    clock.parts = {"graph": parts["graph"]}
    found: dict[str, Found] = {}
    for group in groups(utterances, args.batched):
        found |= lattices(group)
    return {
        "frames": sum(len(utterance.log_likes) for utterance in utterances),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu": {name: cpu for name, (cpu, _) in clock.parts.items()},
        "wall": {name: wall for name, (_, wall) in clock.parts.items()},
        "found": found,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=sorted(ENGINES), required=True)
    parser.add_argument("--graph", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--loglikes", type=Path, required=True)
    parser.add_argument("--options", default="{}")
    parser.add_argument("--batched", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="utterance to begin with")
    parser.add_argument("--every", type=int, default=1, help="take one of so many")
    json.dump(measure(parser.parse_args()), sys.stdout)


if __name__ == "__main__":
    main()
