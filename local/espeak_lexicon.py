"""Pronunciations proposed by espeak-ng, for words that have none: a start for a lexicon by hand."""

from __future__ import annotations

from collections.abc import Iterable

from local.espeak import Request, speak
from pipeline.data.corpus import LexiconEntry

RATE, PITCH = 160, 50


def propose_pronunciations(words: Iterable[str], voice: str = "en-us") -> list[LexiconEntry]:
    """Each word in espeak-ng's phonemes, in the order given.

    Words of which it says nothing, such as punctuation, are left out.

    Args:
        voice: language of espeak-ng, e.g. en-us, de, fr-fr.
    Raises:
        UserError: espeak-ng is not installed, or does not know the voice.
    """
    listed = list(words)
    # In lower case: a word in capitals would be spelled letter by letter.
    speeches = speak([Request(word.lower(), voice, RATE, PITCH, seed=1) for word in listed])
    lexicon: list[LexiconEntry] = []
    for word, speech in zip(listed, speeches, strict=True):
        phones = [p.name for p in speech.phonemes if p.name and not p.name.startswith("_")]
        if phones:
            lexicon.append((word, 1.0, phones))
    return lexicon
