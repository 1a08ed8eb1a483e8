"""Words over phones, against the words that the phones were made from and against enumeration."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from pipeline.align.words import Pronunciations, words_of_phones
from tests.align.toy_alignment import random_truth, toy_hmm, toy_lang

TABLE: Pronunciations = {
    "A": [(("a",), 0.7), (("a", "a"), 0.3)],
    "AB": [(("a", "b"), 1.0)],
    "BEE": [(("b",), 1.0)],
    "HM": [(("SIL", "a"), 0.5), (("a",), 0.5)],  # a word with silence in it
}


def all_spans(phones: list[str], words: list[str]) -> list[tuple[float, list[tuple[int, int]]]]:
    """Every way to cut the phones into words and silence, with its log-probability."""
    if not words:
        return [(0.0, [])] if all(phone == "SIL" for phone in phones) else []
    found = []
    for start in range(len(phones)):
        for spelling, probability in TABLE[words[0]]:
            end = start + len(spelling)
            if tuple(phones[start:end]) == spelling:
                for score, rest in all_spans(phones[end:], words[1:]):
                    moved = [(first + end, number) for first, number in rest]
                    found.append((score + math.log(probability), [(start, len(spelling)), *moved]))
        if phones[start] != "SIL":
            break
    return found


def test_against_enumeration_of_all_short_sequences() -> None:
    matched = 0
    for length in range(1, 5):
        for phones in itertools.product(["a", "b", "SIL"], repeat=length):
            for words in itertools.product(TABLE, repeat=2):
                expected = all_spans(list(phones), list(words))
                if not expected:
                    with pytest.raises(ValueError, match="do not spell"):
                        words_of_phones(phones, words, TABLE, {"SIL"})
                    continue
                matched += 1
                best = max(score for score, _ in expected)
                spans = words_of_phones(phones, words, TABLE, {"SIL"})
                assert any(s == spans and score > best - 1e-9 for score, s in expected)
    assert matched > 100


def test_words_of_random_alignments() -> None:
    generator = random.Random(3)
    lang = toy_lang(position_dependent=True)  # suffixes leave one way to read the phones
    hmm = toy_hmm(lang)
    table = {
        word: [(entry.phones, entry.probability) for entry in entries]
        for word, entries in lang.pronunciations.items()
    }
    for _ in range(100):
        truth = random_truth(generator, lang, hmm, 6)
        phones = [label for label, _, _ in truth.phones]
        spans = words_of_phones(phones, truth.words, table, lang.silence_phones)
        starts = [truth.phones[first][1] for first, _ in spans]
        assert starts == [start for _, start, _ in truth.word_spans]


def test_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match="the word ZETA has no"):
        words_of_phones(["a"], ["ZETA"], TABLE, {"SIL"})


def test_nothing_said() -> None:
    assert words_of_phones(["SIL"], [], TABLE, {"SIL"}) == []
    assert words_of_phones([], [], TABLE, {"SIL"}) == []
