"""Hypotheses, lattices and rejects of a set's shards -> those of the set."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.decode.lattice_archive import write_lattices
from pipeline.io.errors import UserError
from pipeline.io.lines import read_lines, write_lines
from pipeline.io.rejects import read_rejects, write_rejects

_BEGIN = re.compile(rb'\{"utterance_id": ("(?:[^"\\]|\\.)*"), ')


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

    def seen(lines: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
        for utterance_id, line in lines:
            found.add(utterance_id)
            yield line

    for name, write in (("lattices.jsonl.gz", write_lattices), ("hypotheses.jsonl", write_lines)):
        write(output_dir / name, seen(_by_utterance(shards, name)))
    if not found:
        raise UserError(
            f"{output_dir}: no utterance could be decoded; see {output_dir}/rejected.tsv"
        )
    return len(found)


def _by_utterance(shards: Sequence[Path], name: str) -> Iterator[tuple[str, bytes]]:
    """Lines of all shards, each sorted, in the order of the utterances."""
    lines = (read_lines(shard / name, _with_utterance_id) for shard in shards)
    return heapq.merge(*lines, key=lambda line: line[0])


def _with_utterance_id(line: bytes) -> tuple[str, bytes]:
    """The id that a line begins with, and the line, which is not parsed: a lattice is large."""
    begin = _BEGIN.match(line)
    if begin is None or not line.endswith(b"}\n"):
        raise ValueError("not a whole line as a search writes it")
    return str(json.loads(begin[1])), line
