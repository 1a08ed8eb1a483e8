"""Speech of a small lang made in memory: its true alignment is known, each pdf is a cluster."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.features.feature_set import FeatureSet
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.nnet.targets import TrainingSet
from tests.align.toy_alignment import random_truth, toy_hmm, toy_lang

DIM = 6


@dataclass(frozen=True)
class ToySpeech:
    """Utterances of one to three words, and the transition_ids (sum T,) they were made from."""

    lang: Lang
    hmm: Hmm
    features: FeatureSet
    transition_ids: NDArray[np.int32]

    @property
    def training(self) -> TrainingSet:
        """The same with the true pdf_ids as targets."""
        pdfs = self.hmm.transitions.pdf_of[self.transition_ids].astype(np.int64)
        return TrainingSet(self.features, pdfs, [])


def toy_speech(num_utterances: int = 30, spread: float = 0.5, seed: int = 0) -> ToySpeech:
    """``spread`` is the clusters' standard deviation; their means lie about 2 apart."""
    generator, rng = random.Random(seed), np.random.default_rng(seed)
    lang = toy_lang()
    hmm = toy_hmm(lang)
    truths = [random_truth(generator, lang, hmm, 1 + n % 3) for n in range(num_utterances)]
    ids = np.concatenate([truth.transition_ids for truth in truths])
    offsets = np.concatenate(([0], np.cumsum([len(truth.transition_ids) for truth in truths])))
    means = 2.0 * rng.normal(size=(hmm.num_pdfs, DIM))
    frames = means[hmm.transitions.pdf_of[ids]] + spread * rng.normal(size=(len(ids), DIM))
    names = [f"u{n:03d}" for n in range(num_utterances)]
    features = FeatureSet(
        names,
        ["s"] * num_utterances,
        [" ".join(truth.words) for truth in truths],
        frames.astype(np.float32),
        offsets.astype(np.int64),
    )
    return ToySpeech(lang, hmm, features, ids)
