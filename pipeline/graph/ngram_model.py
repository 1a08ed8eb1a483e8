"""Back-off n-gram models as arrays: tables of each order, probabilities of text, perplexity.

A word id is a place in ``words``; an n-gram is a row of the table of its order, named by the row of
its history (all words but the last) in the table before and by its last word. Every n-gram's
history and suffix (all words but the first) are n-grams too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.arpa import BEGIN, END, Arpa

Rows = NDArray[np.int64]
Values = NDArray[np.float64]
UNKNOWN = "<unk>"
SPECIAL = (BEGIN, END, UNKNOWN)  # the first words of every model, ids 0, 1, 2
NOWHERE = -1


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of one order, sorted by (history, word); of order 1 each word, with history 0."""

    history: Rows  # (K,) row of the table before
    word: Rows  # (K,)
    suffix: Rows  # (K,) row of the table before; of order 1: 0

    def __len__(self) -> int:
        return len(self.word)

    def find(self, history: Rows, word: Rows, num_words: int) -> Rows:
        """Row of each (history, word), NOWHERE if there is none or if the history is NOWHERE."""
        if not len(self):
            return np.full(len(word), NOWHERE, np.int64)
        keys = self.history * num_words + self.word
        wanted = history * num_words + word
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((history >= 0) & (keys[place] == wanted), place, NOWHERE)


@dataclass(frozen=True)
class NgramModel:
    """p(word | history) of each n-gram, and what a history's unseen words are multiplied by.

    ``prob[0][0]``, that of <s>, is 0: it begins every sentence and is never predicted.
    """

    words: tuple[str, ...]
    tables: tuple[NgramTable, ...]
    prob: tuple[Values, ...]
    backoff: tuple[Values, ...]  # of each n-gram as a history; of the last order: ones

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.tables)

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        """Of each order."""
        return tuple(len(table) for table in self.tables)

    @cached_property
    def word_id(self) -> dict[str, int]:
        """Word -> id."""
        return {word: i for i, word in enumerate(self.words)}

    def probabilities(self, tokens: Rows, first: NDArray[np.bool_]) -> Values:
        """p of each token given the tokens before it, back to its sentence's begin.

        Args:
            tokens: (T,) word ids, sentence after sentence, <s> and </s> among them.
            first: (T,) true at each <s>.
        Returns:
            (T,); 0 at each <s>.
        """
        row = tokens  # n-gram of the current order that ends at each token, or NOWHERE
        result = self.prob[0][tokens]
        for n in range(1, self.order):
            context = np.where(first, NOWHERE, np.roll(row, 1))
            row = self.tables[n].find(context, tokens, len(self.words))
            # The value put behind the last row is that of NOWHERE.
            backed_off = np.append(self.backoff[n - 1], 1.0)[context] * result
            result = np.where(row >= 0, np.append(self.prob[n], 0.0)[row], backed_off)
        return result

    def perplexity(self, sentences: Iterable[list[str]]) -> Perplexity:
        """Of a text; </s> counts as a word, words outside the vocabulary are left out."""
        tokens, first = tokenize(sentences, self.word_id)
        known = ~first & (tokens != self.word_id[UNKNOWN])
        probabilities = self.probabilities(tokens, first)[known]
        with np.errstate(divide="ignore"):
            log_prob = float(np.log(probabilities).sum())
        num = int(known.sum())
        return Perplexity(
            math.exp(-log_prob / num) if num else math.nan,
            log_prob,
            num,
            int((tokens == self.word_id[UNKNOWN]).sum()),
        )

    def arpa(self) -> Arpa:
        """As the tables of an ARPA file (log10)."""
        with np.errstate(divide="ignore"):
            log_probs = [np.maximum(np.log10(p), -99.0).tolist() for p in self.prob]
            log_backoffs = [np.log10(b).tolist() for b in self.backoff]
        ngrams: list[tuple[str, ...]] = []
        orders = []
        for n, table in enumerate(self.tables):
            before = ngrams or [()]
            pairs = zip(table.history.tolist(), table.word.tolist(), strict=True)
            ngrams = [(*before[history], self.words[word]) for history, word in pairs]
            weights = zip(log_probs[n], log_backoffs[n], strict=True)
            orders.append(dict(zip(ngrams, weights, strict=True)))
        return Arpa(tuple(orders))


@dataclass(frozen=True)
class Perplexity:
    """exp(-log_prob / num_words)."""

    perplexity: float
    log_prob: float  # natural logarithm
    num_words: int  # predicted ones, </s> among them
    num_unknown: int  # left out

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.2f} over {self.num_words} words, "
            f"{self.num_unknown} unknown words left out"
        )


def tokenize(
    sentences: Iterable[list[str]], word_id: dict[str, int]
) -> tuple[Rows, NDArray[np.bool_]]:
    """<s> words </s> of each sentence as ids, others as <unk>: (T,), and (T,) true at each <s>."""
    begin, end, unknown = (word_id[word] for word in SPECIAL)
    tokens: list[int] = []
    for sentence in sentences:
        tokens.append(begin)
        tokens.extend(word_id.get(word, unknown) for word in sentence)
        tokens.append(end)
    ids = np.array(tokens, np.int64)
    return ids, ids == begin
