"""Growing of the decision tree by likelihood gain, then tying of leaves that hardly differ.

Source: Young, Odell, Woodland (1994); Kaldi's tree/build-tree.cc (SplitDecisionTree and
ClusterEventMapRestrictedByMap, whose threshold is the smallest gain that was still split).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.questions import agglomerate
from pipeline.gmm.tree_statistics import TreeStatistics, log_likelihood
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import PDF_CLASS, ContextDependency, Leaf, Node, Question

MIN_GAIN = 300.0  # Kaldi's build-tree --thresh
# Sums of shards differ in their last digits. That must not choose among equally good questions
# (of the node's log-likelihood), nor undo the smallest split, whose merging loses just its gain.
SAME_LIKELIHOOD = 1e-10
SAME_GAIN = 1e-5


@dataclass
class _Grown:
    """A node while the tree grows: rows of its events, and its best split."""

    rows: NDArray[np.int64]
    root: int
    gain: float = -1.0
    key: int = 0
    values: frozenset[int] = frozenset()
    yes: _Grown | None = None
    no: _Grown | None = None
    pdf_id: int = -1
    members: list[int] = field(default_factory=list)


def build_tree(
    statistics: TreeStatistics,
    topology: Topology,
    phone_sets: list[list[int]],
    silence: list[int],
    questions: list[frozenset[int]],
    max_leaves: int,
    min_gain: float = MIN_GAIN,
    cluster: bool = True,
) -> ContextDependency:
    """Grow a triphone tree.

    Silence phones get one leaf a pdf class; the pdf classes of a speech phone set share one root.

    Args:
        questions: sets of phones, asked at the left and right (and the phone itself, where a root
            has several).
        max_leaves: most leaves before tying.
        min_gain: smallest gain in log-likelihood (nats) of a split.
    """
    column = {PDF_CLASS: 3, 0: 0, 1: 1, 2: 2}
    roots: list[_Grown] = []
    root_of: dict[tuple[int, int], int] = {}
    for members in phone_sets:
        classes = range(topology.num_pdf_classes(members[0]))
        groups = [[c] for c in classes] if members[0] in silence else [list(classes)]
        for group in groups:
            inside = np.isin(statistics.events[:, 1], members)
            inside &= np.isin(statistics.events[:, 3], group)
            root_of |= {(phone, c): len(roots) for phone in members for c in group}
            roots.append(_Grown(np.flatnonzero(inside), len(roots)))
    inside_question = _membership(questions, statistics.events.max(initial=0))
    splittable = {n for (phone, _), n in root_of.items() if phone not in silence}

    def prepare(node: _Grown) -> None:
        """Find the best question of a node."""
        events, stats = statistics.events[node.rows], statistics.stats[node.rows]
        total = stats.sum(axis=0)
        base = log_likelihood(total)
        for key in (0, 2, 1, PDF_CLASS):
            order = np.argsort(events[:, column[key]], kind="stable")
            values, starts = np.unique(events[order, column[key]], return_index=True)
            if len(values) < 2:
                continue
            by_value = np.add.reduceat(stats[order], starts, axis=0)
            if key == PDF_CLASS:
                asked = [frozenset(range(c + 1)) for c in range(int(values.max()))]
                yes = _membership(asked, values.max())[:, values] @ by_value
            else:
                asked = questions
                yes = inside_question[:, values] @ by_value
            no = total - yes
            valid = (yes[:, 0] > 0.5) & (no[:, 0] > 0.5)
            gain = np.where(valid, log_likelihood(yes) + log_likelihood(no) - base, -1.0)
            slack = SAME_LIKELIHOOD * abs(float(base))
            best = int(np.argmax(gain >= gain.max() - slack))  # the first of equals
            if gain[best] > node.gain + slack:
                node.gain, node.key, node.values = float(gain[best]), key, asked[best]

    queue: list[tuple[float, int, _Grown]] = []
    serial = 0
    for root in roots:
        if root.root in splittable and len(root.rows):
            prepare(root)
            heapq.heappush(queue, (-root.gain, serial, root))
            serial += 1
    num_leaves = len(roots)
    smallest = np.inf
    while queue and num_leaves < max_leaves:
        _, _, node = heapq.heappop(queue)
        if node.gain < min_gain:
            break
        smallest = min(smallest, node.gain)
        said = np.isin(statistics.events[node.rows, column[node.key]], sorted(node.values))
        node.yes = _Grown(node.rows[said], node.root)
        node.no = _Grown(node.rows[~said], node.root)
        num_leaves += 1
        for child in (node.yes, node.no):
            prepare(child)
            heapq.heappush(queue, (-child.gain, serial, child))
            serial += 1

    grown_leaves = [leaf for root in roots for leaf in _leaves(root)]
    if cluster and np.isfinite(smallest):
        _tie(grown_leaves, statistics, float(smallest) * (1 - SAME_GAIN))
    next_pdf = 0
    for leaf in grown_leaves:
        if not leaf.members:
            continue
        for member in leaf.members:
            grown_leaves[member].pdf_id = next_pdf
        next_pdf += 1
    if not (cluster and np.isfinite(smallest)):
        for number, leaf in enumerate(grown_leaves):
            leaf.pdf_id = number
    frozen = [_freeze(root) for root in roots]
    return ContextDependency(3, 1, {key: frozen[n] for key, n in sorted(root_of.items())})


def _membership(questions: list[frozenset[int]], highest: int) -> NDArray[np.float64]:
    """(questions, highest + 1): 1 where a value is in the set."""
    table = np.zeros((len(questions), highest + 1))
    for row, values in zip(table, questions, strict=True):
        row[[value for value in values if value <= highest]] = 1.0
    return table


def _leaves(node: _Grown) -> list[_Grown]:
    if node.yes is None or node.no is None:
        return [node]
    return _leaves(node.yes) + _leaves(node.no)


def _tie(grown: list[_Grown], statistics: TreeStatistics, max_loss: float) -> None:
    """Join leaves of one root whose merging loses less than ``max_loss``; sets ``members``."""
    for number, leaf in enumerate(grown):
        leaf.members = [number]
    for root in sorted({leaf.root for leaf in grown}):
        mine = [n for n, leaf in enumerate(grown) if leaf.root == root]
        stats = np.stack([statistics.stats[grown[n].rows].sum(axis=0) for n in mine])
        for kept, absorbed, _ in agglomerate(stats, max_loss):
            grown[mine[kept]].members += grown[mine[absorbed]].members
            grown[mine[absorbed]].members = []


def _freeze(node: _Grown) -> Node:
    if node.yes is None or node.no is None:
        return Leaf(node.pdf_id)
    return Question(node.key, node.values, _freeze(node.yes), _freeze(node.no))
