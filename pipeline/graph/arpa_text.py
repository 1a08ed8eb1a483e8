"""Perplexity of text under a model read from an ARPA file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pipeline.graph.arpa import BEGIN, END, LN10, UNKNOWN_NAMES, Arpa
from pipeline.graph.ngram_model import Perplexity


def text_perplexity(arpa: Arpa, sentences: Iterable[Sequence[str]]) -> Perplexity:
    """Of a text; </s> counts as a word, words outside the vocabulary are left out.

    A word outside is the model's <unk>, if it has one, in the history of the words after it.
    """
    vocabulary = arpa.ngrams[0]
    unknown = next((name for name in UNKNOWN_NAMES if (name,) in vocabulary), UNKNOWN_NAMES[0])
    total, num_words, num_unknown = 0.0, 0, 0
    for sentence in sentences:
        history: tuple[str, ...] = (BEGIN,)
        for word in (*sentence, END):
            known = (word,) in vocabulary and word not in UNKNOWN_NAMES
            if known:
                total += log10_prob(arpa, history, word)
                num_words += 1
            else:
                num_unknown += 1
            history = (*history, word if known else unknown)
    log_prob = total * LN10
    return Perplexity(
        math.exp(-log_prob / num_words) if num_words else math.nan, log_prob, num_words, num_unknown
    )


def log10_prob(arpa: Arpa, history: tuple[str, ...], word: str) -> float:
    """log10 p(word | history), backing off to shorter histories.

    Raises:
        KeyError: the word is not in the vocabulary.
    """
    history = history[1 - arpa.order :] if arpa.order > 1 else ()
    weight = 0.0
    while history:
        found = arpa.ngrams[len(history)].get((*history, word))
        if found is not None:
            return weight + found[0]
        weight += arpa.ngrams[len(history) - 1].get(history, (0.0, 0.0))[1]
        history = history[1:]
    return weight + arpa.ngrams[0][(word,)][0]
