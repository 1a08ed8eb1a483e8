"""Program: a lexicon -> phones, words, pronunciations and phone sets of a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import LangOptions
from pipeline.data.lexicon import merge_lexicons, read_lexicon
from pipeline.hmm.lang import prepare_lang
from pipeline.io.errors import run
from pipeline.io.options import parse_options


def main() -> None:
    """Read the lexicon, write the lang folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lexicon", type=Path, required=True)
    parser.add_argument("--options", required=True, help="LangOptions as JSON")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    options = parse_options(LangOptions, args.options, "lang")
    lexicon = read_lexicon(args.lexicon)
    if options.extra_lexicon is not None:
        lexicon = merge_lexicons(lexicon, read_lexicon(options.extra_lexicon))
    prepare_lang(lexicon, options, str(args.lexicon)).save(args.output_dir)


if __name__ == "__main__":
    run(main)
