"""Program: words without pronunciation -> proposed ones, by espeak-ng, for the user to mend.

espeak-ng's phonemes are mapped to the lexicon's phones (local/mapped_lexicon.py). Name the mended
file in lang.extra_lexicon.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from local.mapped_lexicon import Pair, propose
from pipeline.data.lexicon import read_lexicon, write_lexicon
from pipeline.data.phone_map import PhoneMap, learn_phone_map
from pipeline.graph.text import read_sentences
from pipeline.io.errors import UserError, run
from pipeline.score.wer import align_words

CHECK_EVERY = 10  # one word in so many is kept back and tells how good the map is


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


def wrong_phones(pairs: Sequence[Pair]) -> tuple[int, float]:
    """How good such a map is: learned without some of the words, told by these.

    Returns:
        words kept back, and the share of their phones that are wrong, in per cent.
    """
    phone_map = learn_phone_map([pair for n, pair in enumerate(pairs, 1) if n % CHECK_EVERY])
    kept_back = pairs[CHECK_EVERY - 1 :: CHECK_EVERY]
    wrong = total = 0
    for source, target in kept_back:
        wrong += sum(a != b for a, b in align_words(target, _known_phones(phone_map, source)))
        total += len(target)
    return len(kept_back), 100 * wrong / total


def _known_phones(phone_map: PhoneMap, source: Sequence[str]) -> list[str]:
    return [phone for p in source if p in phone_map.table for phone in phone_map.best(p)]


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
