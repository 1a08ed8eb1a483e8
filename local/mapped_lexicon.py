"""Pronunciations of words that a lexicon lacks: espeak-ng's phonemes in the lexicon's phones.

The map (pipeline/data/phone_map.py) is learned from words that the lexicon has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.espeak import phonemes
from pipeline.data.corpus import LexiconEntry
from pipeline.data.phone_map import learn_phone_map

LEARN_WORDS = 5000  # of the lexicon, evenly spread; more change little

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


def _spoken(word: str) -> str:
    """What espeak-ng is asked to say: it spells upper-case words out."""
    return word.lower().replace("_", " ")
