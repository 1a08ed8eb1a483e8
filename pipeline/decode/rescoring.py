"""Rescoring of word lattices: the grammar that the search had is replaced by another.

Source: Kaldi's lattice-lmrescore. Each grammar is walked as a deterministic acceptor: a state backs
off (#0) only where it has no arc for the word, as kaldi's BackoffDeterministicOnDemandFst does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.lattice_columns import Ints, LatticeColumns
from pipeline.decode.rescoring_kernels import Table, along, ends, product, with_end
from pipeline.decode.rounding import rounded
from pipeline.decode.rows import spread
from pipeline.graph.fst import Fst
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable

BACKOFF = "#0"
NOTHING = -1


class WalkedGrammar:
    """G as a table: of each state the arcs, sorted by word; a large one has tens of millions."""

    def __init__(self, fst: Fst, words: SymbolTable, source: str = "grammar") -> None:
        """From G.fst.

        Raises:
            UserError: a state has two arcs of one word, or arcs without label.
        """
        self.start = fst.start
        self._ids = dict(words.items())
        columns = fst.ilabel, fst.cost, fst.nextstate
        if not _ascending(fst.ilabel, fst.first_arc):
            order = np.lexsort((fst.ilabel, fst.source))
            columns = fst.ilabel[order], fst.cost[order], fst.nextstate[order]
        if (fst.ilabel == 0).any() or not _ascending(columns[0], fst.first_arc):
            raise UserError(f"{source}: it is not deterministic; rescore with another grammar")
        backoff = np.array([self._ids.get(BACKOFF, NOTHING)], np.int32)
        self.table: Table = (fst.first_arc, *columns, fst.final, backoff)

    def labels(self, words: Sequence[str]) -> Ints:
        """Ids of words, -1 of those that no grammar of the table has."""
        return np.array([self._ids.get(word, NOTHING) for word in words], np.int64)

    def word_costs(self, sentence: Sequence[str]) -> list[float]:
        """Of each word, and of the end; inf from the first word that cannot be said."""
        found: list[float] = along(self.table, self.start, self.labels(sentence)).tolist()
        return found

    def cost(self, sentence: Sequence[str]) -> float:
        """Of a whole sentence; inf if it cannot be said."""
        return sum(self.word_costs(sentence))


def _ascending(labels: NDArray[np.int32], first_arc: Ints) -> bool:
    """Whether the labels of each state's arcs rise."""
    rises = np.empty(len(labels) + 1, bool)
    rises[1:-1] = labels[1:] > labels[:-1]
    rises[first_arc] = True
    return bool(rises.all())


def rescore(
    lattice: LatticeColumns, old: WalkedGrammar, new: WalkedGrammar
) -> LatticeColumns | None:
    """The lattice with ``new``'s costs in place of ``old``'s in its graph costs.

    A node is split where ways into it have different histories in the grammars. In a lattice whose
    search did not reach the graph's end, sentences do not pay for ending. Nodes are in the order of
    those that they were split from; arcs are sorted by nodes and word, ends by nodes and costs, and
    equal ones stay in their order.

    Returns:
        None if no sentence of it can be said in the new grammar.
    """
    arcs, words = lattice.arcs, lattice.words
    by_source = np.argsort(arcs.nodes[:, 0], kind="stable")
    node, old_state, new_state, source, target, taken, change = product(
        np.searchsorted(arcs.nodes[by_source, 0], np.arange(len(lattice.frame) + 1)),
        by_source,
        np.ascontiguousarray(arcs.nodes[:, 1]),
        old.labels(words)[arcs.word],
        new.labels(words)[arcs.word],
        old.table,
        new.table,
        old.start,
        new.start,
    )
    of_end = lattice.ends.nodes[:, 0]
    begin = np.searchsorted(node, of_end)
    count = np.searchsorted(node, of_end, side="right") - begin
    end, place = spread(begin, count, np.arange(len(of_end)))
    graph = lattice.ends.graph[end]
    if lattice.about["reached_final"]:
        graph = graph + (ends(new.table, new_state[place]) - ends(old.table, old_state[place]))
        said = np.isfinite(graph)
        place, end, graph = place[said], end[said], graph[said]
    is_end = np.zeros(len(node), bool)
    is_end[place] = True
    alive = with_end(source, target, is_end)
    if not alive[0]:
        return None
    number = np.cumsum(alive) - 1
    links = np.flatnonzero(alive[target])
    links = links[np.lexsort((arcs.word[taken[links]], target[links], source[links]))]
    rows = taken[links]
    nodes = np.stack((number[source[links]], number[target[links]]), axis=1)
    costs = rounded(graph)
    by_cost = np.lexsort((costs, lattice.ends.acoustic[end], place))
    return replace(
        lattice,
        frame=lattice.frame[node[alive]],
        arcs=arcs.chosen(rows, nodes, rounded(arcs.graph[rows] + change[links])),
        ends=lattice.ends.chosen(end[by_cost], number[place[by_cost], None], costs[by_cost]),
    )
