"""Rescoring of word lattices: the grammar that the search had is replaced by another.

Source: Kaldi's lattice-lmrescore. Each grammar is walked as a deterministic acceptor: a state backs
off (#0) only where it has no arc for the word, as kaldi's BackoffDeterministicOnDemandFst does.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.decode.n_best import Sentence, WordLattice
from pipeline.decode.options import Setting
from pipeline.graph.fst import Fst
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable

BACKOFF = "#0"
DECIMALS = 4
NOTHING = -1


class WalkedGrammar:
    """G as a sorted table: state and word -> cost and next state.

    The arcs stay arrays, since a large grammar has tens of millions; steps that were taken are
    kept, since a set's lattices take the same ones again and again.
    """

    def __init__(self, fst: Fst, words: SymbolTable, source: str = "grammar") -> None:
        """From G.fst.

        Raises:
            UserError: a state has two arcs of one word, or arcs without label.
        """
        self.start = fst.start
        self._ids = dict(words.items())
        self.final = fst.final
        self._width = 1 + max(self._ids.values())
        keys = fst.source.astype(np.int64) * self._width + fst.ilabel
        order = np.argsort(keys, kind="stable")
        self._keys, self._arcs = keys[order], order.astype(np.int32)
        self._cost, self._target = fst.cost, fst.nextstate
        self._backoff = self._ids.get(BACKOFF, NOTHING)
        self._steps: dict[tuple[int, int], tuple[float, int] | None] = {}
        if (fst.ilabel == 0).any() or (self._keys[1:] == self._keys[:-1]).any():
            raise UserError(f"{source}: it is not deterministic; rescore with another grammar")

    def _arc(self, state: int, label: int) -> tuple[float, int] | None:
        """Cost and target of a state's own arc."""
        key = state * self._width + label
        place = int(np.searchsorted(self._keys, key))
        if label < 0 or place == len(self._keys) or self._keys[place] != key:
            return None
        arc = self._arcs[place]
        return float(self._cost[arc]), int(self._target[arc])

    def step(self, state: int, word: str) -> tuple[float, int] | None:
        """Cost of a word, and the state after it; None if it cannot be said here."""
        label = self._ids.get(word, NOTHING)
        if (state, label) not in self._steps:
            self._steps[state, label] = self._find(state, label)
        return self._steps[state, label]

    def _find(self, state: int, label: int) -> tuple[float, int] | None:
        total = 0.0
        while (arc := self._arc(state, label)) is None:
            back = self._arc(state, self._backoff)
            if back is None:
                return None
            total, state = total + back[0], back[1]
        return total + arc[0], arc[1]

    def end(self, state: int) -> float:
        """Cost of ending the sentence."""
        total = 0.0
        while not math.isfinite(self.final[state]):
            back = self._arc(state, self._backoff)
            if back is None:
                return math.inf
            total, state = total + back[0], back[1]
        return total + float(self.final[state])

    def word_costs(self, sentence: tuple[str, ...]) -> list[float]:
        """Of each word, and of the end; inf from the first word that cannot be said."""
        costs: list[float] = []
        state = self.start
        for word in sentence:
            step = self.step(state, word)
            if step is None:
                return costs + [math.inf] * (len(sentence) + 1 - len(costs))
            costs.append(step[0])
            state = step[1]
        return [*costs, self.end(state)]

    def cost(self, sentence: tuple[str, ...]) -> float:
        """Of a whole sentence; inf if it cannot be said."""
        return sum(self.word_costs(sentence))


def rescore(lattice: WordLattice, old: WalkedGrammar, new: WalkedGrammar) -> WordLattice | None:
    """The lattice with ``new``'s costs in place of ``old``'s in its graph costs.

    A node is split where ways into it have different histories in the grammars. In a lattice whose
    search did not reach the graph's end, sentences do not pay for ending.

    Returns:
        None if no sentence of it can be said in the new grammar.
    """
    leaving: dict[int, list[int]] = {}
    for n, arc in enumerate(lattice["arcs"]):
        leaving.setdefault(arc[0], []).append(n)
    Key = tuple[int, int, int]  # node, state of old, state of new
    start: Key = (0, old.start, new.start)
    waiting: dict[int, set[Key]] = {0: {start}}
    number: dict[Key, int] = {}
    links: list[tuple[Key, Key, int, float]] = []
    for node in range(len(lattice["frame"])):
        for key in sorted(waiting.get(node, ())):
            number[key] = len(number)
            for n in leaving.get(node, ()):
                _, target, word, *_ = lattice["arcs"][n]
                before, after = old.step(key[1], word), new.step(key[2], word)
                if before is None or after is None:
                    continue
                reached = (target, before[1], after[1])
                waiting.setdefault(target, set()).add(reached)
                links.append((key, reached, n, after[0] - before[0]))
    final = []
    entries: dict[int, list[list]] = {}
    for entry in lattice["final"]:
        entries.setdefault(entry[0], []).append(entry)
    for key, n in number.items():
        change = new.end(key[2]) - old.end(key[1]) if lattice["reached_final"] else 0.0
        for _, acoustic, graph, ids in entries.get(key[0], ()):
            if math.isfinite(change):
                final.append([n, acoustic, round(graph + change, DECIMALS), ids])
    arcs = []
    for key, reached, n, change in links:
        _, _, word, acoustic, graph, ids = lattice["arcs"][n]
        cost = round(graph + change, DECIMALS)
        arcs.append([number[key], number[reached], word, acoustic, cost, ids])
    nodes = [lattice["frame"][key[0]] for key in number]
    return _whole_paths({**lattice, "frame": nodes, "arcs": arcs, "final": final})


def _whole_paths(lattice: WordLattice) -> WordLattice | None:
    """Without nodes from which no end can be reached."""
    alive = np.zeros(len(lattice["frame"]), bool)
    alive[[entry[0] for entry in lattice["final"]]] = True
    for source, target, *_ in sorted(lattice["arcs"], key=lambda arc: -arc[0]):
        alive[source] |= alive[target]
    if not alive[0]:
        return None
    new = (np.cumsum(alive) - 1).tolist()
    arcs = [[new[a[0]], new[a[1]], *a[2:]] for a in lattice["arcs"] if alive[a[1]]]
    return {
        **lattice,
        "frame": [f for f, kept in zip(lattice["frame"], alive, strict=True) if kept],
        "arcs": sorted(arcs, key=lambda row: (row[:3], row[3:])),
        "final": sorted([new[entry[0]], *entry[1:]] for entry in lattice["final"]),
    }


def hypothesis_line(lattice: WordLattice, setting: Setting, best: Sentence) -> dict[str, object]:
    """As the searches write hypotheses.jsonl."""
    return {
        "utterance_id": lattice["utterance_id"],
        "lm_weight": setting.lm_weight,
        "insertion_penalty": setting.insertion_penalty,
        "words": list(best.words),
        "acoustic_cost": round(best.acoustic_cost, DECIMALS),
        "graph_cost": round(best.graph_cost, DECIMALS),
    }
