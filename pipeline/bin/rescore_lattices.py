"""Program: word lattices, the G.fst of their search and a larger one -> rescored hypotheses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.config import DecodeOptions
from pipeline.decode.best_sentences import best_sentences
from pipeline.decode.n_best import WordLattice
from pipeline.decode.options import Setting
from pipeline.decode.rescoring import WalkedGrammar, hypothesis_line, rescore
from pipeline.graph.openfst import read_fst
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines, write_json_lines
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

    def rescored() -> Iterator[WordLattice]:
        """One after the other: of a large set they would fill the memory."""
        for lattice in read_json_lines(args.lattices):
            found = rescore(lattice, old, new)
            if found is None:
                print(
                    f"warning: {lattice['utterance_id']}: no sentence of its lattice can be said "
                    f"in {args.new}; it is left out",
                    file=sys.stderr,
                )
                continue
            best = best_sentences(found, settings)
            pairs = zip(settings, best, strict=True)
            hypotheses.extend(hypothesis_line(found, setting, b) for setting, b in pairs)
            yield found
        if not hypotheses:
            raise UserError(f"{args.lattices}: nothing could be rescored; see the warnings")

    write_json_lines(args.output_dir / "lattices.jsonl.gz", rescored())
    write_json_lines(args.output_dir / "hypotheses.jsonl", hypotheses)
    print(
        f"{args.output_dir}: {len(hypotheses) // len(settings)} utterances rescored",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
