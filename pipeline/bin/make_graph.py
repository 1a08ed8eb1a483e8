"""Program: lang, G.fst and hmm.json -> HCLG.fst (type const) and graph.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.config import GraphOptions
from pipeline.graph.compile import make_graph
from pipeline.graph.grammar import check_grammar
from pipeline.graph.openfst import read_fst, write_fst
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.atomic import write_json
from pipeline.io.errors import run
from pipeline.io.options import parse_options


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--grammar", type=Path, required=True, help="G.fst")
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the model")
    parser.add_argument("--options", default="{}", help="GraphOptions as JSON")
    parser.add_argument("--output", type=Path, required=True, help="HCLG.fst")
    parser.add_argument("--summary", type=Path, help="default: graph.json beside the output")
    return parser.parse_args()


def main() -> None:
    """Read, compile, write."""
    args = arguments()
    options = parse_options(GraphOptions, args.options, "--options")
    lang = Lang.load(args.lang)
    grammar = read_fst(args.grammar)
    check_grammar(grammar, lang, str(args.grammar))
    graph = make_graph(lang, grammar, Hmm.load(args.hmm), options)
    write_fst(args.output, graph.fst, "const")
    write_json(args.summary or args.output.with_name("graph.json"), graph.summary)
    print(
        f"{args.output}: {graph.fst.num_states} states, {graph.fst.num_arcs} arcs, "
        f"{graph.summary['seconds']} s",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)
