"""Program: word lattices, the G.fst of their search and a larger one -> rescored hypotheses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.config import DecodeOptions
from pipeline.decode.best_sentences import best_sentences
from pipeline.decode.hypothesis_line import hypothesis_line
from pipeline.decode.lattice_archive import write_lattices
from pipeline.decode.lattice_columns import LatticeColumns
from pipeline.decode.options import Setting
from pipeline.decode.rescoring import WalkedGrammar, rescore
from pipeline.graph.openfst import read_fst
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import write_json_lines
from pipeline.io.lines import read_lines
from pipeline.io.options import parse_options
from pipeline.io.symbols import SymbolTable
from pipeline.score.scoring import grid_settings


def main(arguments: list[str] | None = None) -> None:
    """Rescore each lattice; write lattices.jsonl.gz, and hypotheses.jsonl at every setting."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.rescore_lattices", description=__doc__
    )
    parser.add_argument("--lattices", type=Path, required=True, help="lattices.jsonl.gz")
    parser.add_argument("--words", type=Path, required=True, help="words.txt of both grammars")
    parser.add_argument("--old", type=Path, required=True, help="G.fst of the search")
    parser.add_argument("--new", type=Path, required=True, help="G.fst in its place")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON: the settings")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    options = parse_options(DecodeOptions, args.options, "--options")
    words = SymbolTable.read(args.words)
    old, new = (WalkedGrammar(read_fst(p), words, str(p)) for p in (args.old, args.new))
    settings = [Setting(*setting) for setting in grid_settings(options)]
    hypotheses: list[dict[str, object]] = []

    def rescored() -> Iterator[bytes]:
        """One after the other: of a large set they would fill the memory."""
        for lattice in read_lines(args.lattices, LatticeColumns.parse):
            found = rescore(lattice, old, new)
            if found is None:
                print(
                    f"warning: {lattice.utterance_id}: no sentence of its lattice can be said "
                    f"in {args.new}; it is left out",
                    file=sys.stderr,
                )
                continue
            for setting, best in zip(settings, best_sentences(found, settings), strict=True):
                costs = best.acoustic_cost, best.graph_cost
                hypotheses.append(hypothesis_line(found.utterance_id, setting, best.words, *costs))
            yield found.line()
        if not hypotheses:
            raise UserError(f"{args.lattices}: nothing could be rescored; see the warnings")

    write_lattices(args.output_dir / "lattices.jsonl.gz", rescored())
    write_json_lines(args.output_dir / "hypotheses.jsonl", hypotheses)
    print(
        f"{args.output_dir}: {len(hypotheses) // len(settings)} utterances rescored",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
