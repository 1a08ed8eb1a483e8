"""A word lattice as columns: numbers are read from its line, transition-ids stay as they stand.

Nine tenths of a line are transition-ids; what changes costs or picks sentences need not read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.line_kernels import print_rows, scan_rows
from pipeline.decode.rounding import MAX_COST, rounded

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Text = NDArray[np.uint8]


@dataclass(frozen=True)
class Rows:
    """Arcs, or ways to end."""

    nodes: Ints  # (R, 2) source and target; of ends (R, 1)
    word: Ints  # (R,) place in the lattice's words; of ends 0
    acoustic: Floats  # (R,) -log-likelihood, not scaled
    graph: Floats  # (R,)
    places: Ints  # (R, 4) in the text: of all before the graph cost, and of the transition-ids

    def __len__(self) -> int:
        return len(self.word)

    def chosen(self, rows: Ints, nodes: Ints, graph: Floats) -> Rows:
        """Some rows, with other nodes and graph costs."""
        return Rows(nodes, self.word[rows], self.acoustic[rows], graph, self.places[rows])


@dataclass(frozen=True)
class LatticeColumns:
    """A line of lattices.jsonl.gz (see ``word_lattice``); arcs lead to later nodes."""

    about: dict[str, Any]  # what stands before "frame": utterance_id, reached_final and so on
    frame: Ints  # (N,)
    words: tuple[str, ...]  # sorted
    arcs: Rows
    ends: Rows
    text: Text  # the line that was read
    head: int  # where "frame" begins in it

    @classmethod
    def parse(cls, line: bytes) -> LatticeColumns:
        """From a line.

        Raises:
            ValueError: it is not as the searches write it, or an arc leads to an earlier node.
        """
        line = line.removesuffix(b"\n") + b"\n"  # the kernels stop there
        text = np.frombuffer(line, np.uint8)
        marks = [line.find(mark) for mark in (b'"frame": [', b', "arcs": [', b', "final": [')]
        head, arcs_at, ends_at = marks
        if min(marks) < 0 or marks != sorted(marks):
            raise ValueError("not a lattice as the searches write it")
        try:
            about = dict(json.loads(line[:head].rstrip(b", ") + b"}"))
            if not isinstance(about["utterance_id"], str) or about["reached_final"] is None:
                raise TypeError("no utterance_id or reached_final")
            frame = np.array(json.loads(line[head + len(b'"frame": ') : arcs_at]), np.int64)
        except (TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"not a lattice as the searches write it ({error})") from None
        arcs, words, end = _rows(line, text, arcs_at + len(b', "arcs": '), 2)
        ends, _, last = _rows(line, text, ends_at + len(b', "final": '), 1)
        if end != ends_at or line[last:] != b"}\n":
            raise ValueError("not a lattice as the searches write it")
        for rows in (arcs, ends):
            if len(rows) and rows.nodes.max() >= len(frame):
                raise ValueError("a node that is not there")
        if (arcs.nodes[:, 0] >= arcs.nodes[:, 1]).any():
            raise ValueError("an arc to an earlier node")
        names = sorted({*words})
        place = {word: n for n, word in enumerate(names)}
        number = np.array([place[word] for word in words], np.int64)
        arcs = replace(arcs, word=number[arcs.word])
        return cls(about, frame, tuple(names), arcs, ends, text, head)

    @property
    def utterance_id(self) -> str:
        """As in the line."""
        return str(self.about["utterance_id"])

    def line(self) -> bytes:
        """The lattice as a line, its end included; graph costs rounded to four decimals.

        Raises:
            ValueError: a graph cost is not below ``MAX_COST``.
        """
        parts = [self.text[: self.head].tobytes(), b'"frame": ']
        parts.append(json.dumps(self.frame.tolist()).encode("ascii"))
        for mark, rows in ((b', "arcs": ', self.arcs), (b', "final": ', self.ends)):
            if not (np.abs(rows.graph) < MAX_COST).all():
                raise ValueError(f"the lattice of {self.utterance_id} has a cost that is no cost")
            graph = rounded(rows.graph)
            parts += [mark, print_rows(self.text, rows.nodes, graph, rows.places).tobytes()]
        return b"".join([*parts, b"}\n"])

    def without_ids(self) -> dict[str, Any]:
        """The same, but each list of transition-ids is empty: not parsed, it is there at once."""
        arcs, ends = self.arcs, self.ends
        names = [self.words[word] for word in arcs.word.tolist()]
        costs, end_costs = ((rows.acoustic.tolist(), rows.graph.tolist()) for rows in (arcs, ends))
        spoken = zip(*arcs.nodes.T.tolist(), names, *costs, strict=True)
        last = zip(ends.nodes[:, 0].tolist(), *end_costs, strict=True)
        return {
            **self.about,
            "frame": self.frame.tolist(),
            "arcs": [[*row, []] for row in spoken],
            "final": [[*row, []] for row in last],
        }


def _rows(line: bytes, text: Text, begin: int, num_nodes: int) -> tuple[Rows, list[str], int]:
    """The list that begins at a place, the words of its rows, and the place after it."""
    room = line.count(b"[", begin) // 2 + 1
    nodes, word, costs, places, words, end = scan_rows(text, begin, num_nodes, room)
    if end < len(line) - 1:  # what the kernel did not read
        for n, k in np.argwhere(np.isnan(costs)).tolist():
            first, last = places[n, [0, 1]] if k == 0 else (places[n, 1] + 2, places[n, 2] - 2)
            costs[n, k] = float(line[first:last].rpartition(b", ")[2])
    names = [json.loads(line[first:last]) for first, last in words.tolist()]
    acoustic, graph = np.ascontiguousarray(costs.T)
    return Rows(nodes, word, acoustic, graph, places), names, end
