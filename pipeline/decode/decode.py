"""Decoding of a whole set: hypotheses, word lattices and rejects, whatever engine searches.

Imports nothing that the k2 environment lacks.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.decode.hypothesis_line import hypothesis_line
from pipeline.decode.inputs import SearchGraph, Utterance, read_utterances
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.lattice_archive import write_lattices
from pipeline.decode.options import SearchOptions
from pipeline.io.errors import UserError
from pipeline.io.json_lines import json_line, write_json_lines
from pipeline.io.rejects import Reject, write_rejects

try:  # the same tools compiled, where numba is: not in the environment of k2
    from pipeline.decode.compiled_lattice import best_paths, word_lattices
except ImportError:
    from pipeline.decode.best_path import best_paths
    from pipeline.decode.word_lattice import word_lattices

POOL_VALUES = 50_000_000  # log-likelihoods held at once (200 MB); sorted by length within the pool
BATCH_FRAMES = 4000  # frames, padding included, searched together


class Search(Protocol):
    """An engine with its graph loaded."""

    def decode(self, utterances: Sequence[Utterance]) -> LatticeBatch:
        """Lattices of some utterances, in their order."""


@dataclass(frozen=True)
class Summary:
    """What was done."""

    num_utterances: int
    num_partial: int
    num_rejected: int
    num_frames: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.num_utterances} utterances, {self.num_frames} frames, {self.seconds:.2f} s; "
            f"{self.num_partial} without a final state, {self.num_rejected} rejected"
        )


def batches(utterances: Iterable[Utterance]) -> Iterator[list[Utterance]]:
    """Groups of similar length; of a large set only a pool is in memory at once."""
    pool: list[Utterance] = []
    values = 0
    for utterance in utterances:
        pool.append(utterance)
        values += utterance.log_likes.size
        if values > POOL_VALUES:
            yield from _by_length(pool)
            pool, values = [], 0
    yield from _by_length(pool)


def _by_length(pool: list[Utterance]) -> Iterator[list[Utterance]]:
    pool.sort(key=lambda u: (-len(u.log_likes), u.utterance_id))
    group: list[Utterance] = []
    for utterance in pool:
        if group and (len(group) + 1) * len(group[0].log_likes) > BATCH_FRAMES:
            yield group
            group = []
        group.append(utterance)
    if group:
        yield group


def decode_files(
    search: Search,
    graph: SearchGraph,
    loglikes: Path,
    options: SearchOptions,
    output_dir: Path,
    shard: int = 0,
    num_shards: int = 1,
) -> Summary:
    """Decode a whole scp or ark; write hypotheses.jsonl, lattices.jsonl.gz and rejected.tsv.

    A hypothesis is {utterance_id, lm_weight, insertion_penalty, words, acoustic_cost, graph_cost},
    one a setting; the acoustic cost is not scaled. An utterance in which no path comes to a final
    state gets its best partial path, and a warning on standard error.

    Args:
        shard, num_shards: which share of an scp; ``merge_shards`` joins them to what one job with
            all would have written.
    Raises:
        UserError: see ``read_utterances``; or nothing could be decoded (of several shards one may
            be empty).
    """
    began = time.monotonic()
    rejects: list[Reject] = []
    hypotheses: dict[str, list[dict[str, Any]]] = {}
    lattices: dict[str, bytes] = {}  # lines, packed: as objects they would fill the memory
    partial: list[str] = []
    num_frames = 0
    name = graph.words.name
    for group in batches(read_utterances(loglikes, graph.num_pdfs, rejects, shard, num_shards)):
        num_frames += sum(len(utterance.log_likes) for utterance in group)
        batch = search.decode(group)
        for path in best_paths(batch, options.settings):
            costs = path.acoustic_cost, path.graph_cost
            line = hypothesis_line(path.utterance_id, path.setting, map(name, path.words), *costs)
            hypotheses.setdefault(path.utterance_id, []).append(line)
        for lattice in word_lattices(batch, options.lm_weight, options.lattice_beam, name):
            lattices[lattice["utterance_id"]] = zlib.compress(json_line(lattice), 1)
        partial += [
            utterance_id
            for utterance_id, reached in zip(batch.utterance_ids, batch.reached_final, strict=True)
            if not reached
        ]
    for utterance_id in sorted(partial):
        print(
            f"warning: {utterance_id}: no path came to a final state; "
            "its best partial path is given (a wider beam may help)",
            file=sys.stderr,
        )
    for reject in sorted(rejects):
        print(f"warning: {reject.utterance_id}: rejected: {reject.reason}", file=sys.stderr)
    write_rejects(output_dir / "rejected.tsv", rejects)
    if not hypotheses and num_shards == 1:
        raise UserError(f"{loglikes}: no utterance could be decoded; see {output_dir}/rejected.tsv")
    write_lattices(
        output_dir / "lattices.jsonl.gz",
        (zlib.decompress(packed) for _, packed in sorted(lattices.items())),
    )
    write_json_lines(
        output_dir / "hypotheses.jsonl", (h for _, many in sorted(hypotheses.items()) for h in many)
    )
    seconds = time.monotonic() - began
    return Summary(len(hypotheses), len(partial), len(rejects), num_frames, seconds)
