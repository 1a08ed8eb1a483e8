"""Pronunciation lexicon as text: lexiconp.txt (WORD probability PHONES...) or lexicon.txt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.data.corpus import LexiconEntry
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def write_lexicon(path: Path | str, lexicon: Iterable[LexiconEntry]) -> None:
    """Write lexiconp lines, in the order given."""
    write_text(
        path, "".join(f"{word} {prob:g} {' '.join(phones)}\n" for word, prob, phones in lexicon)
    )


def read_lexicon(path: Path | str) -> list[LexiconEntry]:
    """Read lexiconp.txt, or lexicon.txt, whose pronunciations all get probability 1.

    Raises:
        UserError: a line is not UTF-8, has no phone, a probability outside (0, 1], or comes twice;
            or there is no line at all.
    """
    entries: list[LexiconEntry] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        where = f"{path}: line {number}"
        try:
            fields = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise UserError(f"{where}: not UTF-8; convert the file") from None
        if not fields:
            continue
        word, phones = fields[0], fields[1:]
        probability = 1.0
        if phones and _is_number(phones[0]):
            probability, phones = float(phones[0]), phones[1:]
        if not phones:
            raise UserError(f"{where}: word {word} has no phones; add its pronunciation")
        if not 0.0 < probability <= 1.0:
            raise UserError(f"{where}: probability {probability:g} is not in (0, 1]; correct it")
        if (word, tuple(phones)) in seen:
            raise UserError(f"{where}: this pronunciation of {word} comes twice; delete one")
        seen.add((word, tuple(phones)))
        entries.append((word, probability, phones))
    if not entries:
        raise UserError(f"{path}: holds no word; write 'WORD PHONE PHONE ...' lines")
    return entries


def merge_lexicons(first: list[LexiconEntry], second: list[LexiconEntry]) -> list[LexiconEntry]:
    """The entries of both; of a pronunciation that stands in both, that of the second."""
    replaced = {(word, tuple(phones)) for word, _, phones in second}
    return [e for e in first if (e[0], tuple(e[2])) not in replaced] + second
