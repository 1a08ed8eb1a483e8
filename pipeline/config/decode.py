"""Grammars, graphs and the search."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Count, Fraction, Name, Options, Positive

CORPUS_TEXT = "corpus"


class GrammarOptions(Options):
    """What may be said.

    one_word, loop: exactly one word, any number of words, all alike. arpa: an n-gram model's file.
    ngram: an n-gram model estimated from a text. jsgf: a command grammar's file.
    """

    type: Literal["one_word", "loop", "arpa", "ngram", "jsgf"]
    words: tuple[str, ...] | None = None  # not arpa, jsgf; default: every word of the lexicon
    # ngram: one sentence a line; corpus: the text that comes with the corpus; null: the transcripts
    # of each split's training set.
    file: str | None = None
    order: Annotated[int, Field(ge=1, le=9)] = 3  # ngram only, as all below
    # N-grams go whose loss raises the perplexity by less than this share (Stolcke), e.g. 1e-8 ...
    prune: Annotated[float, Field(ge=0, lt=1)] = 0.0
    min_counts: tuple[Count, ...] = ()  # ... or that occur less often: of 2-grams, 3-grams, ...
    test_file: str | None = None  # text whose perplexity the log says
    # A grammar of the search, or one before this that rescores: its lattices are rescored with
    # this one, for which no graph is made. Null: it is one of the search.
    rescores: Name | None = None

    @model_validator(mode="after")
    def _fits_type(self) -> GrammarOptions:
        if self.type in ("arpa", "jsgf") and self.file is None:
            raise ValueError(f"'file' is missing: type {self.type} needs it")
        if self.file == CORPUS_TEXT and self.type != "ngram":
            raise ValueError("'file' corpus is for type ngram")
        if self.type in ("one_word", "loop") and self.file is not None:
            raise ValueError("'file' belongs to types arpa, ngram and jsgf")
        if self.type in ("arpa", "jsgf") and self.words is not None:
            raise ValueError(f"'words': type {self.type} takes its words from the file")
        for name in ("order", "prune", "min_counts", "test_file"):
            if (
                self.type != "ngram"
                and getattr(self, name) != type(self).model_fields[name].default
            ):
                raise ValueError(f"'{name}' belongs to type ngram")
        return self

    @property
    def needs_transcripts(self) -> bool:
        """Whether it is estimated from a split's training set, and so another in each split."""
        return self.type == "ngram" and self.file is None


class RescoringOptions(Options):
    """Best sentences of lattices, with a language model beside the grammar."""

    lattices: Name  # the grammar of their search or rescoring
    lm: Name  # one of `lms`
    weight: Fraction = 0.5  # of its probabilities; the rest is the grammar's
    n_best: Count = 100  # sentences of each lattice
    models: tuple[Name, ...] | None = None  # whose lattices; default: all that are decoded


class GraphOptions(Options):
    """HCLG (Kaldi's utils/mkgraph.sh)."""

    transition_scale: Positive = 1.0
    self_loop_scale: Positive = 0.1
    # Rung whose training alignment gives pronunciation and silence probabilities; null: as in the
    # lexicon and lang.silence_probability.
    pronunciations: Name | None = None


class DecodeOptions(Options):
    """The search. Costs are scaled by 1/lm_weight."""

    # native: our own compiled search, for large vocabularies; k2; kaldi: kaldi-decoder.
    decoders: tuple[Literal["native", "k2", "kaldi"], ...] = ("k2", "kaldi")
    beam: Positive = 15.0
    # Of networks, whose scores lie nearer to each other: Kaldi's nnet3/decode.sh has 15 where its
    # decode.sh, for GMMs, has 13. Null: as `beam`.
    network_beam: Positive | None = Field(default=None, exclude_if=lambda asked: asked is None)
    lattice_beam: Positive = 6.0  # as Kaldi's decode.sh
    max_active: Count = 7000
    lm_weight: Positive = 12.0  # the fixed setting, chosen before any result
    insertion_penalty: float = 0.0
    lm_weights: tuple[float, ...] = tuple(float(w) for w in range(7, 18))
    insertion_penalties: tuple[float, ...] = (0.0, 0.5, 1.0)
    # Split whose test set is for development: the weight and penalty with the fewest errors on it
    # are also scored on the other splits ("tuned"), which had no part in their choice.
    tune_split: Name | None = None
    num_shards: Count = 1  # jobs of a search, each with its share of the utterances
    # Words that scoring counts as others, in reference and hypothesis alike, or, as "", not at all.
    count_as: dict[str, str] = Field(default_factory=dict)

    def of_network(self) -> DecodeOptions:
        """The search of a network."""
        return self.model_copy(
            update={"beam": self.network_beam or self.beam, "network_beam": None}
        )
