"""The corpus, its features, its phones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.base import Count, Fraction, Name, Options, Positive, Warp


class CorpusOptions(Options):
    """Which corpus, where it lies, and what its preparation needs."""

    name: Name  # module local/<name>.py
    dir: str | None = None  # its folder; default: $CORPORA_DIR/<name>, else a verified download
    max_rejected_fraction: Fraction = 0.2  # more bad utterances than this stops the run
    options: dict[str, Any] = Field(default_factory=dict)  # for local/<name>.py, validated there


class MfccOptions(Options):
    """Mel-frequency cepstra as Kaldi's compute-mfcc-feats makes them (dither 0)."""

    type: Literal["mfcc", "fbank"] = "mfcc"
    sampling_rate: Count = 16000  # Hz; audio of another rate is rejected
    frame_length_ms: Positive = 25.0
    frame_shift_ms: Positive = 10.0
    num_mel_bins: Count = 23
    num_ceps: Count = 13  # mfcc only
    use_energy: bool = False  # log energy instead of C0 (mfcc only); Kaldi's recipes say false
    low_freq: float = 20.0  # Hz
    norm_vars: bool = False  # divide by each speaker's standard deviation, beside its mean
    # Each training utterance again with its frequency axis warped by each factor (Kaldi's VTLN
    # warps, e.g. 0.9 and 1.1), as of another speaker: for every rung and network.
    train_warps: tuple[Warp, ...] = ()
    high_freq: float = 0.0  # Hz; 0 or less: offset from Nyquist
    num_shards: Count = 1  # extraction jobs; changing it renames the shards below


class LangOptions(Options):
    """Phones and optional silence."""

    silence_phones: tuple[str, ...] = ("SIL",)
    optional_silence: str = "SIL"
    silence_probability: Annotated[float, Field(ge=0, lt=1)] = 0.5  # between words; 0: none
    position_dependent: bool = False
    unknown_word: str | None = None  # e.g. <UNK>: stands for words without pronunciation
    # Pronunciation of the unknown word where the lexicon has none, e.g. [SPN].
    unknown_phones: tuple[str, ...] = ()
    extra_lexicon: str | None = None  # pronunciations beside the corpus's, e.g. proposed ones
