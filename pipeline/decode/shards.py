"""Hypotheses, lattices and rejects of a set's shards -> those of the set."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.io.rejects import read_rejects, write_rejects


def merge_shards(shards: Sequence[Path], output_dir: Path) -> int:
    """Write the bytes that one job with all utterances would have written.

    Args:
        shards: folders that ``decode_files`` wrote, each with other utterances.
    Returns:
        How many utterances were decoded.
    Raises:
        UserError: a file is damaged or missing, or nothing could be decoded.
    """
    for shard in shards:
        if not (shard / "lattices.jsonl.gz").is_file():
            raise UserError(
                f"{shard}/lattices.jsonl.gz: missing; delete {shard}/hypotheses.jsonl and run the "
                "stage decode again"
            )
    rejects = [reject for shard in shards for reject in read_rejects(shard / "rejected.tsv")]
    write_rejects(output_dir / "rejected.tsv", rejects)
    found: set[str] = set()

    def seen(lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for line in lines:
            found.add(line["utterance_id"])
            yield line

    write_json_lines(output_dir / "lattices.jsonl.gz", _by_utterance(shards, "lattices.jsonl.gz"))
    write_json_lines(
        output_dir / "hypotheses.jsonl", seen(_by_utterance(shards, "hypotheses.jsonl"))
    )
    if not found:
        raise UserError(
            f"{output_dir}: no utterance could be decoded; see {output_dir}/rejected.tsv"
        )
    return len(found)


def _by_utterance(shards: Sequence[Path], name: str) -> Iterator[dict[str, Any]]:
    """Lines of all shards, each sorted, in the order of the utterances."""
    return heapq.merge(
        *(read_json_lines(shard / name) for shard in shards), key=lambda line: line["utterance_id"]
    )
