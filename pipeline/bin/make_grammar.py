"""Program: a grammar's options -> G.fst, an acceptor of the lang's words."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pipeline.config import GrammarOptions
from pipeline.graph.arpa import write_arpa
from pipeline.graph.fst import Fst
from pipeline.graph.grammar import grammar_fst, ngram_fst, train_ngram
from pipeline.graph.openfst import write_fst
from pipeline.graph.text import read_sentences, transcripts
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--grammar", required=True, help="GrammarOptions as JSON")
    parser.add_argument("--cuts", type=Path, help="of a training set: ngram without a file")
    parser.add_argument(
        "--output", type=Path, required=True, help="G.fst; with ngram, lm.arpa.gz beside it"
    )
    return parser.parse_args()


def ngram(lang: Lang, options: GrammarOptions, cuts: Path | None, arpa: Path) -> Fst:
    """Estimate a model, write it, say its perplexity; return G."""
    if options.file is not None:
        source = Path(options.file)
        sentences = list(read_sentences(source))
    elif cuts is not None:
        source = cuts
        sentences = list(transcripts(cuts))
    else:
        raise UserError("--cuts: an ngram grammar needs it, or a text in its option 'file'")
    model = train_ngram(lang, options, sentences, str(source))
    sizes = " + ".join(map(str, model.num_ngrams))
    print(f"{arpa}: {sizes} n-grams; {source}: {model.perplexity(sentences)}", file=sys.stderr)
    if options.test_file is not None:
        test = model.perplexity(read_sentences(Path(options.test_file)))
        print(f"{options.test_file}: {test}", file=sys.stderr)
    table = model.arpa()
    write_arpa(arpa, table)
    return ngram_fst(lang, table, arpa)


def main() -> None:
    """Read, make G, write it."""
    args = arguments()
    logging.basicConfig(format="%(levelname)s: %(message)s")
    options = parse_options(GrammarOptions, args.grammar, "--grammar")
    lang = Lang.load(args.lang)
    if options.type == "ngram":
        fst = ngram(lang, options, args.cuts, args.output.with_name("lm.arpa.gz"))
    else:
        fst = grammar_fst(lang, options)
    write_fst(args.output, fst)
    print(f"{args.output}: {fst.num_states} states, {fst.num_arcs} arcs", file=sys.stderr)


if __name__ == "__main__":
    run(main)
