"""The ten English digits and their pronunciations, in CMUdict's phones without stress."""

from __future__ import annotations

from pipeline.data.corpus import LexiconEntry

DIGIT_WORDS = (
    "ZERO",
    "ONE",
    "TWO",
    "THREE",
    "FOUR",
    "FIVE",
    "SIX",
    "SEVEN",
    "EIGHT",
    "NINE",
)
PRONUNCIATIONS: dict[str, tuple[str, ...]] = {
    "ZERO": ("Z IH R OW", "Z IY R OW"),
    "ONE": ("W AH N",),
    "TWO": ("T UW",),
    "THREE": ("TH R IY",),
    "FOUR": ("F AO R",),
    "FIVE": ("F AY V",),
    "SIX": ("S IH K S",),
    "SEVEN": ("S EH V AH N",),
    "EIGHT": ("EY T",),
    "NINE": ("N AY N",),
}


def digit_lexicon() -> list[LexiconEntry]:
    """All pronunciations, each with probability 1, as Kaldi's lexicon.txt without probabilities."""
    return [(word, 1.0, phones.split()) for word in DIGIT_WORDS for phones in PRONUNCIATIONS[word]]
