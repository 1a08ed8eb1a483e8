"""Small random graphs, and a Viterbi search over them written from the definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.options import SearchOptions
from pipeline.graph.fst import from_tuples
from pipeline.graph.openfst import write_fst
from pipeline.io.symbols import SymbolTable

NUM_PDFS = 4
PDF_OF = np.array([-1, 0, 0, 1, 1, 2, 2, 3, 3, 0], np.int32)  # two transition-ids and more a pdf
WORDS = SymbolTable(["a", "b", "c"])
WIDE = SearchOptions(  # beams that prune nothing of these graphs
    beam=500.0,
    lattice_beam=500.0,
    lm_weight=2.0,
    lm_weights=(1.5, 2.0, 3.0),
    insertion_penalties=(0.0, 0.7),
)
Best = dict[int, tuple[float, tuple[int, ...]]]  # state -> (least cost, words)


def random_graph(seed: int) -> SearchGraph:
    """Up to 7 states, self-loops, epsilons forward only (no epsilon cycle), words anywhere."""
    rng = np.random.default_rng(seed)
    num_states = int(rng.integers(2, 8))
    arcs = []
    for _ in range(int(rng.integers(num_states, 4 * num_states))):
        source, target = (int(s) for s in rng.integers(0, num_states, 2))
        label = int(rng.integers(1, len(PDF_OF)))
        if rng.random() < 0.3 and source != target:
            source, target, label = min(source, target), max(source, target), 0
        word = int(rng.integers(1, len(WORDS))) if rng.random() < 0.5 else 0
        arcs.append((source, label, word, float(rng.normal(1.0, 1.0)), target))
    arcs.append((0, int(rng.integers(1, len(PDF_OF))), 0, 0.5, num_states - 1))
    final = {s: float(rng.exponential(1.0)) for s in range(num_states) if rng.random() < 0.4}
    final.setdefault(num_states - 1, 0.25)  # which the last arc reaches: no search refuses it
    return SearchGraph(from_tuples(arcs, final), PDF_OF, NUM_PDFS, WORDS)


def random_utterances(seed: int, count: int) -> list[Utterance]:
    """Log-likelihoods of 1 to 12 frames."""
    rng = np.random.default_rng(seed + 1_000_000)
    return [
        Utterance(
            f"u{n}",
            rng.normal(-20.0, 15.0, (int(rng.integers(1, 13)), NUM_PDFS)).astype(np.float32),
        )
        for n in range(count)
    ]


def save_graph(graph: SearchGraph, folder: Path) -> None:
    """HCLG.fst, graph.json and words.txt as the programs read them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_fst(folder / "HCLG.fst", graph.fst, "const")
    graph.words.write(folder / "words.txt")
    pdfs = " ".join(map(str, graph.pdf_of[1:]))
    meta = {"num_pdfs": graph.num_pdfs, "pdf_of_transition_id": pdfs}
    (folder / "graph.json").write_text(json.dumps(meta))


def viterbi(
    graph: SearchGraph,
    log_likes: NDArray[np.float32],
    lm_weight: float,
    penalty: float = 0.0,
    any_end: bool = False,
) -> tuple[float, tuple[int, ...]]:
    """Least cost of a whole path and its words, by Bellman's recursion; inf if there is none."""
    fst = graph.fst
    columns = (fst.source, fst.ilabel, fst.olabel, fst.cost, fst.nextstate)
    arcs = list(zip(*(column.tolist() for column in columns), strict=True))
    emitting = [arc for arc in arcs if arc[1] > 0]
    silent = [arc for arc in arcs if arc[1] == 0]

    def step(old: Best, new: Best, arc: tuple[int, int, int, float, int], acoustic: float) -> bool:
        source, _, word, cost, target = arc
        if source not in old:
            return False
        total = old[source][0] + cost + acoustic + penalty * (word > 0)
        if target in new and new[target][0] <= total:
            return False
        new[target] = (total, old[source][1] + (word,) * (word > 0))
        return True

    def close(best: Best) -> Best:
        while sum(step(best, best, arc, 0.0) for arc in silent):
            pass
        return best

    best = close({fst.start: (0.0, ())})
    for frame in (-log_likes.astype(np.float64) / lm_weight)[:, graph.pdf_of].tolist():
        new: Best = {}
        for arc in emitting:
            step(best, new, arc, frame[arc[1]])
        best = close(new)
    ends = [
        (cost + (0.0 if any_end else float(fst.final[state])), words)
        for state, (cost, words) in best.items()
    ]
    return min(ends, default=(np.inf, ()), key=lambda end: end[0])
