"""Which phones of an alignment belong to which word of the transcript."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from pipeline.align.segments import FrameSpan

# word -> its pronunciations, each with its probability
Pronunciations = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]
_Back = tuple[int, int]  # word index and phone index that a best path comes from


def words_of_phones(
    phones: Sequence[str],
    words: Sequence[str],
    pronunciations: Pronunciations,
    silence_phones: Collection[str],
) -> list[tuple[int, int]]:
    """First phone and number of phones of each word; phones in between are silence.

    A best path through words and phones by dynamic programming: from (i words, p phones) either the
    next phone is silence, or one of the pronunciations of word i follows. The most probable path
    wins, where the phones allow more than one.

    Raises:
        ValueError: a word has no pronunciation, or the phones do not spell the words.
    """
    best: list[dict[int, tuple[float, _Back]]] = [{} for _ in range(len(words) + 1)]
    best[0][0] = (0.0, (-1, -1))
    for i in range(len(words) + 1):
        here = best[i]
        for p in range(len(phones)):  # silence: to a later phone of the same word index
            if p in here and phones[p] in silence_phones:
                _reach(here, p + 1, here[p][0], (i, p))
        if i == len(words):
            break
        if words[i] not in pronunciations:
            raise ValueError(f"the word {words[i]} has no pronunciation")
        for p, (score, _) in list(here.items()):
            for spelling, probability in pronunciations[words[i]]:
                if tuple(phones[p : p + len(spelling)]) == tuple(spelling):
                    _reach(best[i + 1], p + len(spelling), score + math.log(probability), (i, p))
    if len(phones) not in best[-1]:
        raise ValueError("the phones of the alignment do not spell the transcript")
    spans: list[tuple[int, int]] = []
    i, p = len(words), len(phones)
    while (i, p) != (0, 0):
        before, start = best[i][p][1]
        if before != i:
            spans.append((start, p - start))
        i, p = before, start
    return spans[::-1]


def _reach(here: dict[int, tuple[float, _Back]], phone: int, score: float, back: _Back) -> None:
    if phone not in here or score > here[phone][0]:
        here[phone] = (score, back)


def word_spans(
    phones: Sequence[FrameSpan],
    words: Sequence[str],
    pronunciations: Pronunciations,
    silence_phones: Collection[str],
) -> list[FrameSpan]:
    """Frames of each word, from the frames of the phones.

    Raises:
        ValueError: as `words_of_phones`.
    """
    labels = [phone.label for phone in phones]
    spans = []
    ranges = words_of_phones(labels, words, pronunciations, silence_phones)
    for word, (first, number) in zip(words, ranges, strict=True):
        members = phones[first : first + number]
        start, length = members[0].start, sum(phone.length for phone in members)
        spans.append(FrameSpan(word, start, length))
    return spans
