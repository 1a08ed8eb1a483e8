"""Program: a grammar's options -> G.fst, an acceptor of the lang's words."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pipeline.config import GrammarOptions
from pipeline.graph.grammar import grammar_fst
from pipeline.graph.openfst import write_fst
from pipeline.hmm.lang import Lang
from pipeline.io.errors import run
from pipeline.io.options import parse_options


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--grammar", required=True, help="GrammarOptions as JSON")
    parser.add_argument("--output", type=Path, required=True, help="G.fst")
    return parser.parse_args()


def main() -> None:
    """Read, make G, write it."""
    args = arguments()
    logging.basicConfig(format="%(levelname)s: %(message)s")
    options = parse_options(GrammarOptions, args.grammar, "--grammar")
    fst = grammar_fst(Lang.load(args.lang), options)
    write_fst(args.output, fst)
    print(f"{args.output}: {fst.num_states} states, {fst.num_arcs} arcs", file=sys.stderr)


if __name__ == "__main__":
    run(main)
