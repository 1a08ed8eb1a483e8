"""Pronunciations of words that a lexicon lacks: espeak-ng's phonemes in the lexicon's phones.

The map (pipeline/graph/phone_map.py) is learned from words that the lexicon has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.espeak import phonemes
from pipeline.data.corpus import LexiconEntry
from pipeline.graph.phone_map import PhoneMap, learn_phone_map
from pipeline.score.wer import align_words

LEARN_WORDS = 5000  # of the lexicon, evenly spread; more change little
CHECK_EVERY = 10  # one word in so many is kept back and tells how good the map is

Pair = tuple[Sequence[str], Sequence[str]]  # espeak-ng's phonemes of a word, the lexicon's phones


@dataclass(frozen=True)
class Proposed:
    """What is proposed for the words that a lexicon lacks."""

    entries: list[LexiconEntry] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # word -> why nothing is proposed
    pairs: list[Pair] = field(default_factory=list)  # what the map was learned from


def propose(
    known: Mapping[str, Sequence[str]], missing: Iterable[str], voice: str = "en-us"
) -> Proposed:
    """A pronunciation of each missing word that has one, in the order given.

    Args:
        known: word -> phones, the lexicon.
        voice: language of espeak-ng.
    Raises:
        UserError: espeak-ng is not installed or does not know the voice, or it says nothing of
            any word of the lexicon.
    """
    asked = list(missing)
    if not asked:
        return Proposed()
    learned = list(known)[:: max(1, len(known) // LEARN_WORDS)]
    said = phonemes([_spoken(word) for word in (*learned, *asked)], voice)
    pairs: list[Pair] = [(p, known[word]) for word, p in zip(learned, said, strict=False)]
    phone_map = learn_phone_map(pairs)
    found = Proposed(pairs=pairs)
    for word, source in zip(asked, said[len(learned) :], strict=True):
        try:
            phones = list(phone_map.apply(source))
        except KeyError as error:
            found.left_out[word] = f"no word of the lexicon has espeak-ng's phoneme {error}"
            continue
        if phones:
            found.entries.append((word, 1.0, phones))
        else:
            found.left_out[word] = "espeak-ng says nothing"
    return found


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


def _spoken(word: str) -> str:
    """What espeak-ng is asked to say: it spells upper-case words out."""
    return word.lower().replace("_", " ")
