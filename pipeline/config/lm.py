"""Language models for rescoring."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Count, Options, Positive
from pipeline.config.clipping import ClippingOptions


class LmOptions(Options):
    """An LSTM language model of the lang's words, and its training. A sentence is a sequence."""

    type: Literal["lstm"] = "lstm"
    # A file, one sentence a line; corpus: the text that comes with the corpus; null: the
    # transcripts of each split's training set.
    text: str | None = None
    test_file: str | None = None  # text whose perplexity the log and model.json say
    embedding_dim: Count = 256
    hidden_dim: Count = 256
    num_layers: Count = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4  # of embeddings and after every layer
    tie_weights: bool = True  # the output's word vectors are the input's
    # Noise words that stand for all others in a step's softmax; null: all words, as in use.
    num_noise_words: Count | None = 1024
    num_epochs: Count = 8
    batch_size: Count = 2000  # words, padding among them
    sequence_length: Count = 100  # words of a sentence that are learned; the rest is cut off
    learning_rate: Positive = 2e-3  # Adam's, at first; falls as a cosine
    final_learning_rate: Positive = 4e-5
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    held_out_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.01  # of the sentences
    checkpoint_steps: Count = 200
    num_threads: Count = 1
    clipping: ClippingOptions = ClippingOptions()

    @model_validator(mode="after")
    def _no_tau(self) -> LmOptions:
        if self.clipping.loss_tau is not None:
            raise ValueError("'clipping.loss_tau' is for acoustic models; remove it")
        return self

    @property
    def needs_transcripts(self) -> bool:
        """Whether it is learned from a split's training set, and so another in each split."""
        return self.text is None
