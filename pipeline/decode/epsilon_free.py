"""A graph without epsilons on its input side, as a frame-synchronous search over arrays needs it.

An epsilon arc is replaced by joining it with what follows; where several words meet on one arc, the
arc carries all of them. Every (inputs, outputs) string keeps its least cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.rows import cheapest, spread
from pipeline.graph.fst import EPSILON, Fst

FINAL_LABEL = -1  # k2's label of arcs into the final state


@dataclass(frozen=True)
class EpsilonFreeGraph:
    """Arcs sorted by (source, transition_id, target); state 0 is the start, the last one final.

    Arcs into the final state have transition_id -1; they use up no frame.
    """

    num_states: int
    source: NDArray[np.int32]  # (A,)
    target: NDArray[np.int32]  # (A,)
    transition_id: NDArray[np.int32]  # (A,)
    words: NDArray[np.int32]  # (A,) index into word_table
    cost: NDArray[np.float32]  # (A,)
    word_table: list[tuple[int, ...]]  # entry 0 is ()


class WordTable:
    """Word sequences, each stored once."""

    def __init__(self) -> None:
        self.sequences: list[tuple[int, ...]] = [()]
        self._index = {(): 0}

    def append(self, sequence: NDArray[np.int64], word: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of sequences with a word (0: none) put behind them: (n,), (n,) -> (n,)."""
        result = sequence.copy()
        some = np.flatnonzero(word != EPSILON)
        pairs, which = np.unique(
            np.stack((sequence[some], word[some])), axis=1, return_inverse=True
        )
        ids = np.empty(pairs.shape[1], np.int64)
        for n, (known, added) in enumerate(pairs.T.tolist()):
            words = (*self.sequences[known], added)
            if words not in self._index:
                self._index[words] = len(self.sequences)
                self.sequences.append(words)
            ids[n] = self._index[words]
        result[some] = ids[which.reshape(-1)]
        return result


def remove_epsilons(fst: Fst, table: WordTable) -> EpsilonFreeGraph:
    """Equivalent graph without input epsilons; ``table`` is extended, so that graphs can share it.

    Raises:
        ValueError: there is a cycle of epsilons.
    """
    silent = fst.ilabel == EPSILON
    eps, loud = fst.subset(silent), fst.subset(~silent)
    # Only states that a frame leads into, and the start, remain.
    kept = np.unique(np.append(loud.nextstate, fst.start)).astype(np.int64)
    # Ways of epsilons from them: (origin, state, words, cost).
    origin, state = kept, kept
    words, cost = np.zeros(len(kept), np.int64), np.zeros(len(kept))
    parts = [(origin, state, words, cost)]
    for _ in range(fst.num_states + 1):
        row, arc = spread(eps.first_arc, np.diff(eps.first_arc), state)
        if not len(row):
            break
        origin, cost = origin[row], cost[row] + eps.cost[arc]
        words = table.append(words[row], eps.olabel[arc].astype(np.int64))
        state = eps.nextstate[arc].astype(np.int64)
        best = cheapest(cost, origin, state, words)
        origin, state, words, cost = origin[best], state[best], words[best], cost[best]
        parts.append((origin, state, words, cost))
    else:
        raise ValueError("a cycle of epsilons in the graph")
    origin, state, words, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    best = cheapest(cost, origin, state, words)
    origin, state, words, cost = origin[best], state[best], words[best], cost[best]
    # Each way is joined with the arcs and the final cost at its end.
    row, arc = spread(loud.first_arc, np.diff(loud.first_arc), state)
    ends = np.flatnonzero(np.isfinite(fst.final[state]))
    final_state = fst.num_states
    source = np.concatenate((origin[row], origin[ends]))
    target = np.concatenate((loud.nextstate[arc], np.full(len(ends), final_state))).astype(np.int64)
    label = np.concatenate((loud.ilabel[arc], np.full(len(ends), FINAL_LABEL))).astype(np.int64)
    sequence = np.concatenate(
        (table.append(words[row], loud.olabel[arc].astype(np.int64)), words[ends])
    )
    total = np.concatenate((cost[row] + loud.cost[arc], cost[ends] + fst.final[state[ends]]))
    # Renumber: start first, final last. Then keep the cheapest of equal arcs.
    number = np.full(fst.num_states + 1, -1)
    others = kept[kept != fst.start]
    number[np.concatenate(([fst.start], others, [final_state]))] = np.arange(len(kept) + 1)
    source, target = number[source], number[target]
    best = cheapest(total, source, label, target, sequence)
    return EpsilonFreeGraph(
        len(kept) + 1,
        source[best].astype(np.int32),
        target[best].astype(np.int32),
        label[best].astype(np.int32),
        sequence[best].astype(np.int32),
        total[best].astype(np.float32),
        table.sequences,
    )
