"""Phones of another transcriber mapped to a lexicon's, learned from words that both have.

Each source phoneme stands for no, one or two phones of the lexicon, independent of its neighbours
and in order: the one-to-many case of Jiampojamarn et al. (2007), "Applying many-to-many alignments
and hidden Markov models to letter-to-phoneme conversion". EM over all alignments of all words
(forward-backward); a new word gets the likeliest phones of each of its phonemes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.io.errors import UserError

Phones = tuple[str, ...]
LONGEST = 2  # phones that a phoneme may stand for
NUM_ITERATIONS = 8
FLOOR = 1e-12
SELDOM = 0.1  # at first, of no phone or two against one; without it EM may settle on a shifted map


@dataclass(frozen=True)
class PhoneMap:
    """p(phones | source phoneme), by phoneme."""

    table: dict[str, dict[Phones, float]]

    def best(self, phoneme: str) -> Phones:
        """The likeliest phones of a phoneme; ties go to the first in order.

        Raises:
            KeyError: it was in no word learned from.
        """
        return min(self.table[phoneme].items(), key=lambda item: (-item[1], item[0]))[0]

    def apply(self, phonemes: Sequence[str]) -> Phones:
        """Phones of a word.

        Raises:
            KeyError: see ``best``; the phoneme.
        """
        return tuple(phone for phoneme in phonemes for phone in self.best(phoneme))


def learn_phone_map(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> PhoneMap:
    """Learn from (source phonemes, phones) of words; pairs that cannot be aligned are left out.

    Raises:
        UserError: no pair can be aligned.
    """
    words = [
        (tuple(source), tuple(target))
        for source, target in pairs
        if source and len(target) <= LONGEST * len(source)
    ]
    if not words:
        raise UserError("pronunciations: no word of the lexicon is known to the transcriber")
    table: dict[str, dict[Phones, float]] = {}  # empty: see ``expected_pairs``
    for _ in range(NUM_ITERATIONS):
        counts: dict[str, dict[Phones, float]] = defaultdict(lambda: defaultdict(float))
        for source, target in words:
            for (phoneme, phones), share in expected_pairs(source, target, table).items():
                counts[phoneme][phones] += share
        table = {
            phoneme: {phones: c / sum(row.values()) for phones, c in row.items()}
            for phoneme, row in counts.items()
        }
    return PhoneMap(table)


def expected_pairs(
    source: Phones, target: Phones, table: dict[str, dict[Phones, float]]
) -> dict[tuple[str, Phones], float]:
    """Expected number of times that each phoneme stands for some phones, in one word.

    With an empty table one phone a phoneme is likelier than none or two, all else is alike.
    """
    num, length = len(source), len(target)

    def prob(i: int, j: int, n: int) -> float:
        if not table:
            return 1.0 if n == 1 else SELDOM
        return table[source[i]].get(target[j : j + n], 0.0) + FLOOR

    # forward[i][j]: all ways in which the first i phonemes stand for the first j phones.
    forward = [[0.0] * (length + 1) for _ in range(num + 1)]
    backward = [[0.0] * (length + 1) for _ in range(num + 1)]
    forward[0][0] = backward[num][length] = 1.0
    for i in range(num):
        for j in range(length + 1):
            if forward[i][j]:
                for n in range(min(LONGEST, length - j) + 1):
                    forward[i + 1][j + n] += forward[i][j] * prob(i, j, n)
    for i in reversed(range(num)):
        for j in range(length + 1):
            backward[i][j] = sum(
                prob(i, j, n) * backward[i + 1][j + n] for n in range(min(LONGEST, length - j) + 1)
            )
    total = forward[num][length]
    found: dict[tuple[str, Phones], float] = defaultdict(float)
    for i in range(num):
        for j in range(length + 1):
            for n in range(min(LONGEST, length - j) + 1):
                share = forward[i][j] * prob(i, j, n) * backward[i + 1][j + n] / total
                if share:
                    found[source[i], target[j : j + n]] += share
    return dict(found)
