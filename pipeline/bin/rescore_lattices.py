"""Program: word lattices, the G.fst of their search and a larger one -> rescored hypotheses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.config import DecodeOptions
from pipeline.decode.n_best import WordLattice, n_best
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
    old, new = (WalkedGrammar.of(read_fst(p), words, str(p)) for p in (args.old, args.new))
    settings = [Setting(*setting) for setting in grid_settings(options)]
    lattices: list[WordLattice] = []
    hypotheses = []
    for lattice in read_json_lines(args.lattices):
        rescored = rescore(lattice, old, new)
        if rescored is None:
            print(
                f"warning: {lattice['utterance_id']}: no sentence of its lattice can be said in "
                f"{args.new}; it is left out",
                file=sys.stderr,
            )
            continue
        lattices.append(rescored)
        for setting in settings:
            (best,) = n_best(rescored, 1, setting.lm_weight, setting.insertion_penalty)
            hypotheses.append(hypothesis_line(rescored, setting, best))
    if not lattices:
        raise UserError(f"{args.lattices}: nothing could be rescored; see the warnings")
    write_json_lines(args.output_dir / "lattices.jsonl.gz", lattices)
    write_json_lines(args.output_dir / "hypotheses.jsonl", hypotheses)
    print(f"{args.output_dir}: {len(lattices)} utterances rescored", file=sys.stderr)


if __name__ == "__main__":
    run(main)
