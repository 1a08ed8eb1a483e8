"""Program: seconds and memory of making the graph of a large pruned trigram, program by program."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.gmm.process import Machine, Used, run, write_results


def main() -> None:
    """Make G and HCLG; print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=Path, required=True, help="folder of make_inputs")
    parser.add_argument("--min-trigram-count", type=int, default=2, help="rarer ones go")
    parser.add_argument("--prune", type=float, default=0.0, help="by relative entropy, too")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the figures")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.inputs.resolve()
        made = Path(scratch)
        before = Machine.now()
        grammar = {
            **{"type": "ngram", "file": str(folder / "text.gz"), "prune": args.prune},
            "min_counts": [1, args.min_trigram_count],
        }
        g = run(
            "make_grammar (trigram, pruned)",
            "pipeline.bin.make_grammar",
            {"lang": folder / "lang", "grammar": grammar, "output": made / "G.fst"},
        )
        hclg = run(
            "make_graph",
            "pipeline.bin.make_graph",
            {
                **{"lang": folder / "lang", "grammar": made / "G.fst"},
                **{"hmm": folder / "hmm.json", "output": made / "graph/HCLG.fst"},
            },
        )
        summary = json.loads((made / "graph/graph.json").read_text(encoding="utf-8"))
        total = Used("total", g.wall + hclg.wall, g.cpu + hclg.cpu, max(g.peak_mb, hclg.peak_mb))
        print(f"{before.num_cores} cores, load average {before.load} at the start\n")
        print("| program | wall s | CPU s | peak MB |\n| --- | --- | --- | --- |")
        print("\n".join(used.row() for used in (g, hclg, total)))
        print("\n| FST | states | arcs | s since the start |\n| --- | --- | --- | --- |")
        for name, stage in summary["stages"].items():
            print(f"| {name} | {stage['states']} | {stage['arcs']} | {stage['seconds']} |")
        write_results(
            args.output,
            {"machine": before, "programs": [g, hclg, total], "stages": summary["stages"]},
        )


if __name__ == "__main__":
    main()
