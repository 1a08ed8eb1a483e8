"""An HMM of two phones without context, six pdfs in all."""

from __future__ import annotations

from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency, Leaf, Node


def toy_hmm() -> Hmm:
    """Phones 1 and 2 of three states each, pdf_ids 0..5."""
    topology = Topology.for_phones([1, 2], [])
    roots: dict[tuple[int, int], Node] = {
        (phone, pdf_class): Leaf(3 * (phone - 1) + pdf_class)
        for phone in (1, 2)
        for pdf_class in range(3)
    }
    return Hmm.initial(topology, ContextDependency(1, 0, roots))
