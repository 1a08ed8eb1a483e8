"""Program: words without pronunciation -> proposed ones, by espeak-ng, for the user to mend.

espeak-ng's phonemes are mapped to the lexicon's phones (local/mapped_lexicon.py). Name the mended
file in lang.extra_lexicon.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from local.mapped_lexicon import CHECK_EVERY, propose, wrong_phones
from pipeline.data.lexicon import read_lexicon, write_lexicon
from pipeline.graph.text import read_sentences
from pipeline.io.errors import UserError, run


def arguments(given: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.propose_pronunciations", description=__doc__
    )
    parser.add_argument("--lexicon", type=Path, required=True, help="lexicon.txt of the data stage")
    parser.add_argument("--text", type=Path, required=True, help="its words that the lexicon lacks")
    parser.add_argument("--min-count", type=int, default=1, help="leave rarer words out")
    parser.add_argument("--voice", default="en-us", help="of espeak-ng: the language")
    parser.add_argument("--silence-phones", nargs="*", default=["SIL", "SPN", "NSN"])
    parser.add_argument("--output", type=Path, required=True, help="lexicon lines")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Learn the map, check it, propose."""
    args = arguments(given)
    silence = set(args.silence_phones)
    known: dict[str, list[str]] = {}
    for word, _, phones in read_lexicon(args.lexicon):
        if not silence & set(phones):
            known.setdefault(word, phones)
    counts = Counter(word for sentence in read_sentences(args.text) for word in sentence)
    missing = sorted(w for w, c in counts.items() if w not in known and c >= args.min_count)
    if not missing:
        raise UserError(f"{args.text}: every word of it is in {args.lexicon}; nothing to propose")
    found = propose(known, missing, args.voice)
    if len(found.pairs) >= CHECK_EVERY:
        words, share = wrong_phones(found.pairs)
        told = f"of {words} words kept back {share:.1f} % of the phones are wrong"
        print(f"{args.lexicon}: {told}", file=sys.stderr)
    for word, reason in found.left_out.items():
        print(f"warning: {word}: {reason}; write its pronunciation by hand", file=sys.stderr)
    if not found.entries:
        raise UserError(f"{args.text}: no pronunciation could be proposed; see the warnings")
    write_lexicon(args.output, found.entries)
    print(f"{args.output}: {len(found.entries)} words proposed; look them over", file=sys.stderr)


if __name__ == "__main__":
    run(main)
