"""Counts of the n-grams of a text, all orders, as tables of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.arpa import BACKOFF, BEGIN
from pipeline.graph.ngram_model import NOWHERE, SPECIAL, NgramTable, Rows, tokenize
from pipeline.io.errors import UserError
from pipeline.io.symbols import EPSILON as EPSILON_NAME


@dataclass(frozen=True)
class NgramCounts:
    """Every n-gram of a text, from order 1 to ``len(tables)``."""

    words: tuple[str, ...]  # <s>, </s>, <unk>, then the vocabulary, sorted
    tables: tuple[NgramTable, ...]
    count: tuple[Rows, ...]  # how often each n-gram occurs
    num_sentences: int

    def continuations(self, n: int) -> Rows:
        """In how many different words' company, one before it, each n-gram of order n + 1 occurs.

        N1+(• w_1 … w_n) of Chen and Goodman (1999). An n-gram that begins with <s> has no word
        before it: its plain count stands in.
        """
        longer = self.tables[n + 1]
        different = np.bincount(longer.suffix, minlength=len(self.tables[n]))
        return np.where(begins_sentence(self.tables, n), self.count[n], different)


def begins_sentence(tables: tuple[NgramTable, ...], n: int) -> NDArray[np.bool_]:
    """Whether the first word of each n-gram of order n + 1 is <s>."""
    row = np.arange(len(tables[n]))
    for table in reversed(tables[1 : n + 1]):
        row = table.history[row]
    begins: NDArray[np.bool_] = row == SPECIAL.index(BEGIN)
    return begins


def vocabulary_of(
    sentences: Iterable[list[str]], minimum: int = 1, size: int | None = None
) -> list[str]:
    """Words that occur at least ``minimum`` times, the ``size`` most frequent ones, sorted."""
    counts = Counter(word for sentence in sentences for word in sentence)
    reserved = {*SPECIAL, EPSILON_NAME, BACKOFF}
    often = [(-count, word) for word, count in counts.items() if count >= minimum]
    return sorted(word for _, word in sorted(often)[:size] if word not in reserved)


def count_ngrams(
    sentences: Iterable[list[str]], order: int, vocabulary: Iterable[str]
) -> NgramCounts:
    """Count all n-grams up to ``order`` in sentences between <s> and </s>.

    Words outside the vocabulary count as <unk>.

    Raises:
        UserError: no sentence, or no word of the vocabulary in any.
    """
    words = (*SPECIAL, *sorted(set(vocabulary) - set(SPECIAL)))
    tokens, first = tokenize(sentences, {word: i for i, word in enumerate(words)})
    if not len(tokens):
        raise UserError("text: it holds no sentence; give one a line")
    if tokens.max() < len(SPECIAL):
        raise UserError("text: none of its words is in the lexicon; check upper and lower case")
    none = np.zeros(len(words), np.int64)
    tables = [NgramTable(none, np.arange(len(words)), none)]
    counts = [np.bincount(tokens, minlength=len(words))]
    row = tokens  # n-gram of the current order that ends at each token, or NOWHERE
    for _ in range(1, order):
        history = np.where(first, NOWHERE, np.roll(row, 1))
        here = np.flatnonzero(history >= 0)
        keys, which, count = np.unique(
            history[here] * len(words) + tokens[here], return_inverse=True, return_counts=True
        )
        before, word = np.divmod(keys, len(words))
        last = tables[-1]
        shorter = last.find(last.suffix[before], word, len(words)) if len(tables) > 1 else word
        tables.append(NgramTable(before, word, shorter))
        counts.append(count)
        row = np.full(len(tokens), NOWHERE)
        row[here] = which.reshape(-1)
    num_sentences = int(first.sum())
    return NgramCounts(words, tuple(tables), tuple(counts), num_sentences)
