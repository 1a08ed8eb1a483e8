"""Training graphs of many utterances in flat arrays, as the compiled search reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.training_graph import GraphCompiler, TrainingGraph

GRAPH_ARRAYS = (
    *("node_pdf", "initial", "first_arc"),
    *("arc_source", "arc_transition", "arc_log_prob"),
)


class PackedGraphs:
    """Training graphs of many utterances in flat arrays, equal transcripts once."""

    def __init__(self, lang: Lang, hmm: Hmm, texts: list[str]) -> None:
        compiler = GraphCompiler(lang, hmm)
        names = sorted(set(texts))
        index = {text: g for g, text in enumerate(names)}
        graphs = [compiler.compile(text) for text in names]
        self._pack(graphs, np.array([index[text] for text in texts], np.int32))

    def _pack(self, graphs: list[TrainingGraph], graph_of: NDArray[np.int32]) -> None:
        self.graphs, self.graph_of = graphs, graph_of
        self.pdfs = np.concatenate([g.pdfs for g in graphs])
        self.pdf_offset = _offsets([len(g.pdfs) for g in graphs])
        self.node_offset = _offsets([g.num_nodes for g in graphs])
        self.arc_offset = _offsets([len(g.arc_source) for g in graphs])
        self.node_pdf = np.concatenate([g.node_pdf for g in graphs])
        self.initial = np.concatenate([g.initial for g in graphs])
        self.first_arc = np.concatenate([g.first_arc for g in graphs])
        self.arc_source = np.concatenate([g.arc_source for g in graphs])
        self.arc_transition = np.concatenate([g.arc_transition for g in graphs])
        self.arc_log_prob = np.concatenate([g.arc_log_prob for g in graphs])
        self.min_frames = np.array([g.min_frames for g in graphs], np.int64)

    def save(self, path: Path) -> None:
        """Write an npz file."""
        np.savez(
            path,
            graph_of=self.graph_of,
            min_frames=self.min_frames,
            pdfs=self.pdfs,
            sizes=np.stack([self.pdf_offset, self.node_offset, self.arc_offset]),
            **{name: getattr(self, name) for name in GRAPH_ARRAYS},
        )

    @classmethod
    def load(cls, path: Path) -> PackedGraphs:
        """Read what ``save`` wrote."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        pdf_offset, node_offset, arc_offset = arrays["sizes"].tolist()
        graphs = []
        for g, min_frames in enumerate(arrays["min_frames"].tolist()):
            nodes = slice(node_offset[g], node_offset[g + 1])
            arcs = slice(arc_offset[g], arc_offset[g + 1])
            graphs.append(
                TrainingGraph(
                    pdfs=arrays["pdfs"][pdf_offset[g] : pdf_offset[g + 1]],
                    node_pdf=arrays["node_pdf"][nodes],
                    initial=arrays["initial"][nodes],
                    first_arc=arrays["first_arc"][nodes.start + 2 * g : nodes.stop + 2 * (g + 1)],
                    arc_source=arrays["arc_source"][arcs],
                    arc_transition=arrays["arc_transition"][arcs],
                    arc_log_prob=arrays["arc_log_prob"][arcs],
                    min_frames=min_frames,
                )
            )
        packed = cls.__new__(cls)
        packed._pack(graphs, arrays["graph_of"])
        return packed


def _offsets(sizes: list[int]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
