"""LSTM language model of words: p(word | words before it in the sentence).

Word ids are places in ``words``; id 0 is </s>, the last id + 1 is the input <s>. The output's word
vectors may be the input's (Press and Wolf 2017, arXiv 1608.05859).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.config import LmOptions
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError
from pipeline.nnet.layers import Lengths, RecurrentLayer

END = "</s>"
UNKNOWN = "<unk>"  # of a lang that has no word for unknown ones
ROWS = 1024  # words whose probabilities over the vocabulary are in memory together


def vocabulary_of(lang: Lang) -> tuple[str, ...]:
    """</s>, then every word of the lexicon, sorted; <unk> where the lang has no unknown word."""
    unknown = () if lang.unknown_word is not None else (UNKNOWN,)
    return (END, *sorted({*lang.pronunciations, *unknown}))


class LstmLm(nn.Module):
    """Embedding, LSTM layers, a projection to the embedding's width, softmax over the words."""

    def __init__(self, options: LmOptions, words: Sequence[str], unknown_word: str) -> None:
        """`words`: see ``vocabulary_of``; `unknown_word` is one of them."""
        super().__init__()
        self.options = options
        self.words = tuple(words)
        self.unknown_word = unknown_word
        width = options.embedding_dim
        self.embedding = nn.Embedding(len(self.words) + 1, width)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.dropout = nn.Dropout(options.dropout)
        dims = [width, *[options.hidden_dim] * options.num_layers]
        self.layers = nn.ModuleList(
            RecurrentLayer("lstm", i, o, dropout=options.dropout) for i, o in pairwise(dims)
        )
        self.projection = (
            nn.Identity() if width == options.hidden_dim else nn.Linear(options.hidden_dim, width)
        )
        self.output = nn.Linear(width, len(self.words))
        if options.tie_weights:
            del self.output.weight

    @cached_property
    def word_id(self) -> dict[str, int]:
        """Word -> id."""
        return {word: i for i, word in enumerate(self.words)}

    @property
    def num_parameters(self) -> int:
        """Of all tensors."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def word_vectors(self) -> Tensor:
        """(V, E) of the output."""
        if self.options.tie_weights:
            return self.embedding.weight[: len(self.words)]
        return self.output.weight

    def ids(self, sentence: Iterable[str]) -> list[int]:
        """Ids of a sentence's words and of </s>; words that are not known as the unknown word."""
        unknown = self.word_id[self.unknown_word]
        return [*(self.word_id.get(word, unknown) for word in sentence), 0]

    def hidden(self, targets: Tensor) -> Tensor:
        """What each word is predicted from: (N, T) ids of words -> (N, T, E).

        The words before the first one are <s>; padding comes last and may be any word.
        """
        inputs = functional.pad(targets[:, :-1], (1, 0), value=len(self.words))
        frames = self.dropout(self.embedding(inputs))
        lengths = Lengths(torch.full((len(targets),), targets.shape[1]), targets.shape[1])
        for layer in self.layers:
            frames = layer(frames, lengths)
        return self.projection(frames)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., E) -> (..., V)."""
        return functional.linear(hidden, self.word_vectors, self.output.bias)

    @torch.no_grad()
    def log_probs(self, sentences: Sequence[Sequence[int]]) -> list[Tensor]:
        """Natural log p of each word of some sentences' ids, </s> as the last: (T,) each."""
        self.eval()
        lengths = [len(sentence) for sentence in sentences]
        found = [
            -functional.cross_entropy(self.logits(rows), words, reduction="none")
            for rows, words in self._parts(*self._real(pad(sentences), lengths))
        ]
        return list(torch.cat(found).split(lengths)) if found else []

    def _real(self, targets: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        real = Lengths(torch.tensor(lengths), targets.shape[1]).real
        return self.hidden(targets)[real], targets[real]

    @staticmethod
    def _parts(hidden: Tensor, words: Tensor) -> list[tuple[Tensor, Tensor]]:
        return list(zip(hidden.split(ROWS), words.split(ROWS), strict=True))


def pad(sentences: Sequence[Sequence[int]]) -> Tensor:
    """Ids of sentences as (N, T), with zeros behind the shorter ones."""
    tensors = [torch.tensor(sentence, dtype=torch.long) for sentence in sentences]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True)


def make_lm(options: LmOptions, lang: Lang) -> LstmLm:
    """A model with random weights.

    Raises:
        UserError: the lang has no word.
    """
    words = vocabulary_of(lang)
    if len(words) < 2:
        raise UserError("lm: the lang has no words; give it a lexicon")
    return LstmLm(options, words, lang.unknown_word or UNKNOWN)
