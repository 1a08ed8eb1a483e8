"""Program: word lattices, the G.fst of their search and a language model -> hypotheses."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from pipeline.config import DecodeOptions
from pipeline.decode.hypothesis_line import hypothesis_line
from pipeline.decode.lattice_columns import LatticeColumns
from pipeline.decode.lm_rescoring import best_at, rescore_sentences
from pipeline.decode.options import Setting
from pipeline.decode.rescoring import WalkedGrammar
from pipeline.graph.openfst import read_fst
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import write_json_lines
from pipeline.io.lines import read_lines
from pipeline.io.options import parse_options
from pipeline.io.symbols import SymbolTable
from pipeline.lm.files import load_lm
from pipeline.lm.perplexity import word_log_probs
from pipeline.score.scoring import grid_settings


def main(arguments: list[str] | None = None) -> None:
    """Rescore each lattice's best sentences; write hypotheses.jsonl at every setting."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.rescore_n_best", description=__doc__
    )
    parser.add_argument("--lattices", type=Path, required=True, help="lattices.jsonl.gz")
    parser.add_argument("--words", type=Path, required=True, help="words.txt of the grammar")
    parser.add_argument("--old", type=Path, required=True, help="G.fst of the search")
    parser.add_argument("--lm", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--weight", type=float, default=0.5, help="of the model, the rest is G's")
    parser.add_argument("--n-best", type=int, default=100, help="sentences of a lattice")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON: the settings")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    if not 0.0 <= args.weight <= 1.0 or args.n_best < 1:
        raise UserError("--weight must be in [0, 1] and --n-best at least 1")
    options = parse_options(DecodeOptions, args.options, "--options")
    words = SymbolTable.read(args.words)
    found = rescore_sentences(
        read_lines(args.lattices, lambda line: LatticeColumns.parse(line).without_ids()),
        WalkedGrammar(read_fst(args.old), words, str(args.old)),
        partial(word_log_probs, load_lm(args.lm)),
        args.weight,
        args.n_best,
        Setting(options.lm_weight, options.insertion_penalty),
    )
    settings = [Setting(*setting) for setting in grid_settings(options)]
    lines = []
    for utterance_id, sentences in found:
        for setting in settings if sentences else []:
            best = best_at(sentences, setting)
            costs = best.acoustic_cost, best.graph_cost
            lines.append(hypothesis_line(utterance_id, setting, best.words, *costs))
    write_json_lines(args.output_dir / "hypotheses.jsonl", lines)
    print(f"{args.output_dir}: {len(found)} utterances rescored", file=sys.stderr)


if __name__ == "__main__":
    run(main)
