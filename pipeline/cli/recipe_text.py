"""The commented configuration that `hybrid new` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    """What is known of a corpus."""

    name: str
    corpus: str  # in local/registry.py
    options: dict[str, Any]
    sampling_rate: int  # Hz
    hours: float  # of all speech
    num_utterances: int
    num_words: int  # of the vocabulary
    grammar: str  # one_word, loop or arpa
    arpa: str | None


def _between(value: float, low: int, high: int) -> int:
    """The value in steps of `low`, not below it and not above `high`."""
    return int(min(max(round(value / low) * low, low), high))


def _grammar_lines(found: Found) -> str:
    if found.grammar == "one_word":
        return "  one_word: # each utterance is exactly one word\n    type: one_word\n"
    if found.grammar == "loop":
        return (
            "  loop: # any words of the lexicon in any number, all alike likely\n    type: loop\n"
        )
    return (
        "  trigram: # of the training texts; give one of more text where you have it\n"
        f"    type: arpa\n    file: {json.dumps(found.arpa, ensure_ascii=False)}\n"
    )


def _decode_lines(found: Found) -> str:
    if found.grammar == "arpa":
        return "  beam: 15 # wider is slower and finds more\n"
    return "  beam: 40 # small graphs: a wide beam costs nothing, and no path to the end is lost\n"


def recipe_text(found: Found) -> str:
    """config.yaml of a recipe: the sizes follow from the hours of speech.

    About 400 leaves and six Gaussians a leaf for an hour: Kaldi's mini_librispeech recipe has 2000
    leaves and 10000 to 15000 Gaussians for 5 hours.
    """
    leaves = _between(400 * found.hours, 200, 2500)
    gaussians = 6 * leaves
    mono = _between(1000 * found.hours, 200, 1000)
    hidden = 128 if found.hours < 1 else 256 if found.hours < 10 else 512
    batch = 1500 if found.hours < 1 else 4000
    shards = _between(found.hours / 5, 1, 32)
    options = "".join(
        f"    {key}: {json.dumps(value, ensure_ascii=False)}\n"
        for key, value in found.options.items()
    )
    return f"""\
# Written by `hybrid new`; every option with its unit and default stands in pipeline/config/.
# {found.num_utterances} utterances, {found.hours:.2f} hours, {found.num_words} words.
recipe: {found.name}
title: {found.name}
seed: 1

corpus:
  name: {found.corpus} # local/{found.corpus}.py
  options: # paths start from the folder in which the recipe is run
{options}
splits: [official]

features:
  type: mfcc
  sampling_rate: {found.sampling_rate} # Hz, of most files; files of another rate are rejected
  num_shards: {shards} # jobs of extraction

lang:
  silence_probability: 0.5 # between words

# Sizes for {found.hours:.2f} hours: with more speech, more leaves and Gaussians.
gmm:
  mono:
    type: mono
    num_gaussians: {mono}
  tri1: # triphones
    type: deltas
    alignment: mono
    num_leaves: {leaves}
    num_gaussians: {gaussians}
  tri2b: # LDA and MLLT
    type: lda_mllt
    alignment: tri1
    num_leaves: {leaves}
    num_gaussians: {gaussians}
  tri3b: # each speaker adapted
    type: sat
    alignment: tri2b
    num_leaves: {leaves}
    num_gaussians: {gaussians}

nnet:
  lstm:
    alignment: tri3b
    model:
      type: lstm
      num_layers: 2
      hidden_dim: {hidden}
      dropout: 0.2
      target_delay: 5 # frames of future that the network waits for
    training:
      num_epochs: 15
      batch_frames: {batch}
    clipping:
      method: norm
      threshold: 5.0

grammars:
{_grammar_lines(found)}
decode:
{_decode_lines(found)}"""
