"""Word lattices in the forms of other tools: Kaldi's text form, and OpenFst's binary lattices.

Kaldi's text form is that of CompactLattice archives (lattice-copy ark:- ark,t:-): words as ids and
weights graph,acoustic,transition-ids. It does not hold lm_weight and reached_final.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.decode.n_best import WordLattice
from pipeline.graph.fst import Lattice
from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable


def write_kaldi_text(path: Path, lattices: Iterable[WordLattice], words: SymbolTable) -> None:
    """Write an archive in Kaldi's text form; costs as they are, the acoustic ones not scaled."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as out:
        for lattice in lattices:
            out.write(f"{lattice['utterance_id']} \n")
            lines = [
                (a[0], f"{a[0]}\t{a[1]}\t{words[a[2]]}\t{_weight(a[4], a[3], a[5])}\n")
                for a in lattice["arcs"]
            ]
            lines += [(f[0], f"{f[0]}\t{_weight(f[2], f[1], f[3])}\n") for f in lattice["final"]]
            out.writelines(line for _, line in sorted(lines, key=lambda pair: pair[0]))
            out.write("\n")


def _weight(graph: float, acoustic: float, ids: list[int]) -> str:
    return f"{graph!r},{acoustic!r},{'_'.join(map(str, ids))}"


def read_kaldi_text(path: Path, words: SymbolTable, lm_weight: float) -> Iterator[WordLattice]:
    """Read what ``write_kaldi_text`` wrote, or Kaldi's own lattices whose states are sorted.

    Args:
        lm_weight: under which the lattices were made.
    Raises:
        UserError: the line that is of another form, or whose arc does not lead to a later state.
    """
    block: list[tuple[int, str]] = []
    # A byte that is not UTF-8 comes to the parser as a lone surrogate, which no word or id holds.
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                block.append((number, line))
            elif block:
                yield _parse(path, block, words, lm_weight)
                block = []
    if block:
        yield _parse(path, block, words, lm_weight)


def _parse(
    path: Path, block: list[tuple[int, str]], words: SymbolTable, lm_weight: float
) -> WordLattice:
    arcs: list[list[Any]] = []
    final: list[list[Any]] = []
    frame = {0: 0}
    number = block[0][0]
    try:
        "".join(line for _, line in block).encode("utf-8")
        (utterance_id,) = block[0][1].split()
        for number, line in block[1:]:  # noqa: B007
            *states, weight = line.split()
            graph, acoustic, ids = weight.split(",")
            costs = float(acoustic), float(graph), [int(i) for i in ids.split("_") if i]
            source = int(states[0])
            if len(states) == 1:
                final.append([source, *costs])
                continue
            target = int(states[1])
            if target <= source:
                raise ValueError("an arc to an earlier state")
            frame[target] = frame[source] + len(costs[2])
            arcs.append([source, target, words.name(int(states[2])), *costs])
        ends = frame[final[0][0]] + len(final[0][3])
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"{path}: line {number}: not a lattice in Kaldi's text form ({error}); export it again"
        ) from None
    return {
        "utterance_id": utterance_id,
        "num_frames": ends,
        "reached_final": True,
        "lm_weight": lm_weight,
        "frame": [frame[node] for node in sorted(frame)],
        "arcs": sorted(arcs, key=lambda row: (row[:3], row[3:])),
        "final": sorted(final),
    }


def expanded(lattice: WordLattice, words: SymbolTable) -> Lattice:
    """Kaldi's Lattice of a word lattice: an arc a transition-id; the word stands on the first.

    Arcs without transition-ids become an epsilon. Nodes keep their numbers; one more state is
    final.
    """
    num_states = len(lattice["frame"])
    end, num_states = num_states, num_states + 1
    rows: list[tuple[int, int, int, float, float, int]] = []
    ways = [(a[0], a[1], words[a[2]], a[4], a[3], a[5]) for a in lattice["arcs"]]
    ways += [(f[0], end, 0, f[2], f[1], f[3]) for f in lattice["final"]]
    for source, target, word, graph, acoustic, ids in ways:
        here = source
        for n, label in enumerate(ids or [0]):
            last = n == max(len(ids), 1) - 1
            there = target if last else num_states
            num_states += not last
            costs = (graph, acoustic) if n == 0 else (0.0, 0.0)
            rows.append((here, label, word if n == 0 else 0, *costs, there))
            here = there
    rows.sort(key=lambda row: row[0])
    source = np.array([row[0] for row in rows], np.int64)
    final = np.full((num_states, 2), np.inf, np.float32)
    final[end] = 0.0
    counts = np.bincount(source, minlength=num_states)
    return Lattice(
        0,
        final,
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.array([row[1] for row in rows], np.int32),
        np.array([row[2] for row in rows], np.int32),
        np.array([row[3:5] for row in rows], np.float32),
        np.array([row[5] for row in rows], np.int32),
    )
