"""Run by the Python that has k2: decode the graphs of many folders, write what was found.

Usage: search_folders.py FOLDER...; each holds HCLG.fst, graph.json, words.txt, loglikes.ark and
options.json, and gets k2.json: [[utterance_id, lm_weight, penalty, total, words, reached, ids]...].
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline.decode.best_path import best_paths
from pipeline.decode.inputs import SearchGraph, read_utterances
from pipeline.decode.k2_search import K2Search
from pipeline.decode.options import SearchOptions
from pipeline.decode.word_lattice import word_lattices


def main() -> None:
    """Decode each folder."""
    for folder in map(Path, sys.argv[1:]):
        graph = SearchGraph.read(folder / "HCLG.fst", folder / "words.txt")
        options = SearchOptions.from_json((folder / "options.json").read_text())
        utterances = list(read_utterances(folder / "loglikes.ark", graph.num_pdfs, []))
        batch = K2Search(graph, options).decode(utterances)
        reached = dict(zip(batch.utterance_ids, batch.reached_final, strict=True))
        rows = [
            [
                path.utterance_id,
                path.setting.lm_weight,
                path.setting.insertion_penalty,
                path.total,
                [graph.words.name(word) for word in path.words],
                reached[path.utterance_id],
                [int(i) for i in batch.transition_id[path.arcs] if i > 0],
            ]
            for path in best_paths(batch, options.settings)
        ]
        lattices = word_lattices(batch, options.lm_weight, options.lattice_beam, graph.words.name)
        (folder / "k2.json").write_text(json.dumps({"paths": rows, "lattices": [*lattices]}))


if __name__ == "__main__":
    main()
