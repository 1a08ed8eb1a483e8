"""Phonetic decision tree: from a window of phones and a pdf class to a pdf_id.

Source: Kaldi's tree/event-map.h and tree/context-dep.h. Keys of an event are the window positions
0…N-1, and PDF_CLASS (-1) for the pdf class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.hmm.lang import Lang
from pipeline.hmm.topology import Topology

PDF_CLASS = -1


@dataclass(frozen=True)
class Leaf:
    """A tied state."""

    pdf_id: int


@dataclass(frozen=True)
class Question:
    """Is the value of ``key`` in ``values``?"""

    key: int
    values: frozenset[int]
    yes: Node
    no: Node


Node = Leaf | Question


class ContextDependency:
    """Decision tree with one root a (phone, pdf class); roots may be the same object."""

    def __init__(
        self, context_width: int, central_position: int, roots: dict[tuple[int, int], Node]
    ) -> None:
        self.context_width = context_width
        self.central_position = central_position
        self.roots = roots
        self._memo: dict[tuple[tuple[int, ...], int], int] = {}
        self.num_pdfs = 1 + max(pdf for root in roots.values() for pdf in leaves(root))

    def pdf_id(self, window: tuple[int, ...], pdf_class: int) -> int:
        """Pdf of the central phone's ``pdf_class`` in ``window`` (phone ids, 0: nothing there)."""
        key = (window, pdf_class)
        found = self._memo.get(key)
        if found is None:
            node = self.roots[window[self.central_position], pdf_class]
            while isinstance(node, Question):
                value = pdf_class if node.key == PDF_CLASS else window[node.key]
                node = node.yes if value in node.values else node.no
            found = self._memo[key] = node.pdf_id
        return found

    def possible_pdfs(self, phone_id: int, pdf_class: int) -> list[int]:
        """Pdfs that the phone's pdf class can have in any context, ascending."""
        known = {PDF_CLASS: pdf_class, self.central_position: phone_id}
        found: set[int] = set()
        stack = [self.roots[phone_id, pdf_class]]
        while stack:
            node = stack.pop()
            if isinstance(node, Leaf):
                found.add(node.pdf_id)
            elif node.key in known:
                stack.append(node.yes if known[node.key] in node.values else node.no)
            else:
                stack += (node.yes, node.no)
        return sorted(found)

    def to_json(self) -> Any:
        """Nodes as nested lists, [pdf_id] or [key, [values], yes, no]; shared roots come once."""
        nodes: list[Any] = []
        index: dict[int, int] = {}
        table = []
        for (phone, pdf_class), root in sorted(self.roots.items()):
            if id(root) not in index:
                index[id(root)] = len(nodes)
                nodes.append(_node_to_json(root))
            table.append([phone, pdf_class, index[id(root)]])
        return {
            "context_width": self.context_width,
            "central_position": self.central_position,
            "roots": table,
            "trees": nodes,
        }

    @classmethod
    def from_json(cls, data: Any) -> ContextDependency:
        """The inverse of ``to_json``."""
        trees = [_node_from_json(tree) for tree in data["trees"]]
        roots = {(int(p), int(c)): trees[i] for p, c, i in data["roots"]}
        return cls(int(data["context_width"]), int(data["central_position"]), roots)


def leaves(node: Node) -> list[int]:
    """Pdf ids below a node, left to right."""
    if isinstance(node, Leaf):
        return [node.pdf_id]
    return leaves(node.yes) + leaves(node.no)


def _node_to_json(node: Node) -> Any:
    if isinstance(node, Leaf):
        return [node.pdf_id]
    return [node.key, sorted(node.values), _node_to_json(node.yes), _node_to_json(node.no)]


def _node_from_json(data: Any) -> Node:
    if len(data) == 1:
        return Leaf(int(data[0]))
    key, values, yes, no = data
    return Question(int(key), frozenset(values), _node_from_json(yes), _node_from_json(no))


def monophone_tree(lang: Lang, topology: Topology) -> ContextDependency:
    """One pdf a (phone set, pdf class), as Kaldi's gmm-init-mono --shared-phones."""
    roots: dict[tuple[int, int], Node] = {}
    next_pdf = 0
    for members in lang.phone_set_ids():
        for pdf_class in range(topology.num_pdf_classes(members[0])):
            leaf = Leaf(next_pdf)
            next_pdf += 1
            roots |= {(phone, pdf_class): leaf for phone in members}
    return ContextDependency(1, 0, roots)
