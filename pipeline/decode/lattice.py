"""Lattices of many utterances as one set of arrays, whatever engine made them.

A lattice is an acyclic graph from one start state to one final state. An arc holds a graph arc
that the search took: its transition_id (0: no frame), its words, its acoustic cost (unscaled
-log-likelihood) and its graph cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.rows import spread

Words = tuple[int, ...]


@dataclass(frozen=True)
class LatticeBatch:
    """Lattices of U utterances behind one another; arcs come in any order."""

    utterance_ids: list[str]
    reached_final: list[
        bool
    ]  # False: the paths end where the audio ended, not where the graph does
    first_state: NDArray[np.int64]  # (U + 1,) where each lattice's states begin
    start: NDArray[np.int64]  # (U,)
    final: NDArray[np.int64]  # (U,)
    source: NDArray[np.int64]  # (A,)
    target: NDArray[np.int64]  # (A,)
    transition_id: NDArray[np.int32]  # (A,)
    words: NDArray[np.int32]  # (A,) index into word_table
    acoustic: NDArray[np.float32]  # (A,)
    graph: NDArray[np.float32]  # (A,)
    word_table: Sequence[Words]  # word ids of an arc; entry 0 is ()

    @property
    def num_states(self) -> int:
        """S."""
        return int(self.first_state[-1])

    @property
    def num_arcs(self) -> int:
        """A."""
        return len(self.source)

    @cached_property
    def num_words(self) -> NDArray[np.int32]:
        """Words on each arc: (A,)."""
        lengths = np.array([len(words) for words in self.word_table], np.int32)
        return lengths[self.words]

    @cached_property
    def levels(self) -> Levels:
        """Topological order."""
        return Levels.of(self.num_states, self.source, self.target)


@dataclass(frozen=True)
class Levels:
    """A topological order: arcs sorted by the level of their target, then by the target.

    The level of a state is the greatest number of arcs on a way into it.
    """

    arcs: NDArray[np.int64]  # (A,) arc indices in that order
    first_target: NDArray[np.int64]  # (G + 1,) where the arcs of one target begin
    targets: NDArray[np.int64]  # (G,) that target
    first_group: NDArray[np.int64]  # (L + 1,) where the targets of one level begin

    @classmethod
    def of(cls, num_states: int, source: NDArray[np.int64], target: NDArray[np.int64]) -> Levels:
        """Sort (Kahn's algorithm, all states of a level at once).

        Raises:
            ValueError: there is a cycle.
        """
        level = np.zeros(num_states, np.int64)
        waiting = np.bincount(target, minlength=num_states)
        by_source = np.argsort(source, kind="stable")
        counts = np.bincount(source, minlength=num_states)
        first = np.concatenate(([0], np.cumsum(counts)))
        front = np.flatnonzero(waiting == 0)
        seen, number = len(front), 0
        while len(front):
            number += 1
            _, arcs = spread(first, counts, front)
            reached = target[by_source[arcs]]
            states, times = np.unique(reached, return_counts=True)
            waiting[states] -= times
            front = states[waiting[states] == 0]
            level[front] = number
            seen += len(front)
        if seen < num_states:
            raise ValueError("the lattice has a cycle")
        order = np.lexsort((source, target, level[target]))
        sorted_target = target[order]
        new = np.flatnonzero(np.diff(sorted_target, prepend=-1))
        targets = sorted_target[new]
        group_level = level[targets]
        new_level = np.flatnonzero(np.diff(group_level, prepend=-1))
        return cls(
            order,
            np.append(new, len(order)),
            targets,
            np.append(new_level, len(targets)),
        )

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Level by level: (arcs, where each target's arcs begin among them, targets)."""
        for low, high in zip(self.first_group[:-1], self.first_group[1:], strict=True):
            begin, end = self.first_target[low], self.first_target[high]
            yield self.arcs[begin:end], self.first_target[low:high] - begin, self.targets[low:high]


def concatenate(parts: Sequence[LatticeBatch]) -> LatticeBatch:
    """One batch of several that share their word table."""
    sizes = [part.num_states for part in parts]
    offsets = np.concatenate(([0], np.cumsum(sizes)))

    def shifted(name: str) -> NDArray[np.int64]:
        return np.concatenate(
            [getattr(part, name) + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
        )

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return LatticeBatch(
        utterance_ids=[i for part in parts for i in part.utterance_ids],
        reached_final=[reached for part in parts for reached in part.reached_final],
        first_state=np.unique(
            np.concatenate(
                [part.first_state + off for part, off in zip(parts, offsets[:-1], strict=True)]
            )
        ),
        start=shifted("start"),
        final=shifted("final"),
        source=shifted("source"),
        target=shifted("target"),
        transition_id=joined("transition_id"),
        words=joined("words"),
        acoustic=joined("acoustic"),
        graph=joined("graph"),
        word_table=parts[0].word_table,
    )


def dead_end(utterance_id: str, word_table: Sequence[Words]) -> LatticeBatch:
    """An empty path, for an utterance of which nothing survived."""
    one = np.zeros(1, np.int64)
    return LatticeBatch(
        utterance_ids=[utterance_id],
        reached_final=[False],
        first_state=np.array([0, 2]),
        start=one,
        final=one + 1,
        source=one,
        target=one + 1,
        transition_id=one.astype(np.int32),
        words=one.astype(np.int32),
        acoustic=one.astype(np.float32),
        graph=one.astype(np.float32),
        word_table=word_table,
    )
