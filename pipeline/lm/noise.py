"""Softmax with a sample of the words in the denominator: a step's cost without the vocabulary's.

Source: importance sampling of the normaliser (Bengio and Senecal 2008, "Adaptive importance
sampling to accelerate training of a neural probabilistic language model"): of K words drawn from a
noise distribution q each stands for 1 / (K q) words, the target for itself alone; the expected sum
is that over all words. q is the unigram's share to the power of 3/4 (Mikolov et al. 2013, arXiv
1310.4546). One draw serves a whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.lm.model import LstmLm

POWER = 0.75


def counts_of(sentences: Iterable[list[int]], num_words: int) -> Tensor:
    """How often each word stands in some sentences, and once more: (V,)."""
    table = np.ones(num_words)
    for sentence in sentences:
        np.add.at(table, sentence, 1.0)
    return torch.from_numpy(table).float()


class NoiseSoftmax:
    """Mean loss (nats) of a batch's words."""

    def __init__(self, counts: Tensor, num_noise_words: int | None) -> None:
        """`counts`: (V,) see ``counts_of``; None: all words, without noise."""
        noise = counts**POWER
        self._noise = noise / noise.sum()
        self._log_noise = self._noise.log()
        enough = num_noise_words is not None and num_noise_words < len(counts)
        self._number = num_noise_words if enough else None

    def __call__(self, model: LstmLm, hidden: Tensor, words: Tensor) -> Tensor:
        """(W, E) what the words (W,) are predicted from."""
        if self._number is None:
            return functional.cross_entropy(model.logits(hidden), words)
        drawn = torch.multinomial(self._noise, self._number, replacement=True)
        vectors, bias = model.word_vectors, model.output.bias
        target = (hidden * functional.embedding(words, vectors)).sum(dim=1) + bias[words]
        offset = bias[drawn] - self._log_noise[drawn] - math.log(self._number)
        others = functional.linear(hidden, functional.embedding(drawn, vectors), offset)
        # The target stands in the sum already.
        others = others.masked_fill(drawn == words.unsqueeze(1), -math.inf)
        return (torch.logaddexp(others.logsumexp(dim=1), target) - target).mean()
