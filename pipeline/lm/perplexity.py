"""What a language model gives the words of a text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch

from pipeline.graph.ngram_model import Perplexity
from pipeline.lm.model import LstmLm

BATCH_WORDS = 20_000


def batches_by_length(lengths: Sequence[int], batch_words: int = BATCH_WORDS) -> list[list[int]]:
    """Places of sentences, short ones first, in batches that padding makes little larger."""
    parts: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not parts or (len(parts[-1]) + 1) * lengths[place] > batch_words:
            parts.append([])
        parts[-1].append(place)
    return parts


def word_log_probs(model: LstmLm, sentences: Sequence[Sequence[str]]) -> list[list[float]]:
    """Natural log p of each word of each sentence, and of </s> after it."""
    ids = [model.ids(sentence) for sentence in sentences]
    found: list[list[float]] = [[]] * len(ids)
    for batch in batches_by_length([len(sentence) for sentence in ids]):
        for place, values in zip(batch, model.log_probs([ids[i] for i in batch]), strict=True):
            found[place] = values.to(torch.float64).tolist()
    return found


def perplexity(model: LstmLm, sentences: Iterable[list[str]]) -> Perplexity:
    """Of a text; </s> counts as a word, words outside the vocabulary are left out."""
    texts = list(sentences)
    total, num, unknown = 0.0, 0, 0
    for words, values in zip(texts, word_log_probs(model, texts), strict=True):
        known = [word in model.word_id and word != model.unknown_word for word in words]
        total += math.fsum(v for v, k in zip(values, [*known, True], strict=True) if k)
        num += sum(known) + 1
        unknown += len(known) - sum(known)
    return Perplexity(math.exp(-total / num) if num else math.nan, total, num, unknown)
