"""Program: words without pronunciation -> proposed ones, by espeak-ng, for the user to mend.

espeak-ng's phonemes are mapped to the lexicon's phones by a table that is learned from the words of
the lexicon (pipeline/graph/phone_map.py). Name the mended file in lang.extra_lexicon.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from local.espeak import phonemes
from pipeline.data.lexicon import read_lexicon, write_lexicon
from pipeline.graph.phone_map import learn_phone_map
from pipeline.graph.text import read_sentences
from pipeline.io.errors import UserError, run
from pipeline.score.wer import align_words

LEARN_WORDS = 5000  # of the lexicon, evenly spread; more change little
CHECK_EVERY = 10  # one word in so many is kept back and tells how good the map is


def spoken(word: str) -> str:
    """What espeak-ng is asked to say: it spells upper-case words out."""
    return word.lower().replace("_", " ")


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


def check(pairs: list[tuple[list[str], list[str]]]) -> str:
    """Learn without some of the words and say how well these are told."""
    rest = [pair for n, pair in enumerate(pairs, 1) if n % CHECK_EVERY]
    kept_back = pairs[CHECK_EVERY - 1 :: CHECK_EVERY]
    phone_map = learn_phone_map(rest)
    wrong = total = 0
    for source, target in kept_back:
        found = [phone for p in source if p in phone_map.table for phone in phone_map.best(p)]
        wrong += sum(a != b for a, b in align_words(target, found))
        total += len(target)
    share = 100 * wrong / total
    return f"of {len(kept_back)} words kept back {share:.1f} % of the phones are wrong"


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
    step = max(1, len(known) // LEARN_WORDS)
    learned = list(known)[::step]
    said = phonemes([spoken(word) for word in (*learned, *missing)], args.voice)
    pairs = [(p, known[word]) for word, p in zip(learned, said, strict=False)]
    if len(pairs) >= CHECK_EVERY:
        print(f"{args.lexicon}: {check(pairs)}", file=sys.stderr)
    phone_map = learn_phone_map(pairs)
    proposed = []
    for word, source in zip(missing, said[len(learned) :], strict=True):
        try:
            phones = list(phone_map.apply(source))
        except KeyError as error:
            print(
                f"warning: {word}: no word of the lexicon has espeak-ng's phoneme {error}; "
                "write its pronunciation by hand",
                file=sys.stderr,
            )
            continue
        if phones:
            proposed.append((word, 1.0, phones))
        else:
            print(f"warning: {word}: espeak-ng says nothing; write it by hand", file=sys.stderr)
    if not proposed:
        raise UserError(f"{args.text}: no pronunciation could be proposed; see the warnings")
    write_lexicon(args.output, proposed)
    print(f"{args.output}: {len(proposed)} words proposed; look them over", file=sys.stderr)


if __name__ == "__main__":
    run(main)
