"""Digits spoken by espeak-ng, in memory: features, true phone times, a small trained model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.alignment.run import sounds_of
from local.demo import phone_times
from local.digits import DIGIT_WORDS, digit_lexicon
from local.espeak import Request, speak
from pipeline.align.boundaries import Sound
from pipeline.config import AlignOptions, GmmOptions, LangOptions, MfccOptions
from pipeline.features.cmvn import apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import single_shard
from pipeline.gmm.train import train_rung
from pipeline.hmm.lang import Lang, prepare_lang

RATE = 8000  # Hz
VOICES = ("m1", "m3", "m7", "f2", "f4")
SILENCE = 0.15  # s, before and after
SNR_DB = 30.0
UNKNOWN = "<UNK>"


@dataclass(frozen=True)
class Spoken:
    """One utterance."""

    utterance_id: str
    speaker: str
    text: str
    samples: NDArray[np.float32]  # in [-1, 1]
    sounds: tuple[Sound, ...]

    def with_noise(self, snr_db: float) -> Spoken:
        """The same with white noise all over it."""
        power = float(np.mean(np.square(self.samples)))
        noise = np.random.default_rng(1).standard_normal(len(self.samples))
        noise *= np.sqrt(power / 10.0 ** (snr_db / 10.0))
        return replace(self, samples=(self.samples + noise).astype(np.float32))


def digits_lang() -> Lang:
    """The ten digits and an unknown word."""
    options = LangOptions(silence_phones=("SIL", "SPN"), unknown_word=UNKNOWN)
    return prepare_lang([*digit_lexicon(), (UNKNOWN, 1.0, ["SPN"])], options)


def speak_digits(num_utterances: int, num_digits: int = 4) -> list[Spoken]:
    """Utterances of random digits, sorted by their ids; the same in every run."""
    rng = np.random.default_rng(5)
    plan, spoken = [], []
    for i in range(num_utterances):
        words = [DIGIT_WORDS[d] for d in rng.integers(0, 10, num_digits)]
        voice = VOICES[i % len(VOICES)]
        text = " ".join(words).lower()
        plan.append((voice, words, Request(text, f"en-us+{voice}", 150, 50, i + 1)))
    speeches = speak([request for *_, request in plan])
    for i, ((voice, words, request), speech) in enumerate(zip(plan, speeches, strict=True)):
        scale = speech.samples.astype(np.float64) / 32768.0
        clean = np.pad(resample_poly(scale, 160, 441), round(SILENCE * RATE))
        assert speech.sampling_rate == 22050
        noise = rng.standard_normal(len(clean))
        noise *= np.sqrt(np.mean(np.square(clean)) / 10.0 ** (SNR_DB / 10.0))
        sounds = tuple(
            Sound(sound.phones, sound.start + SILENCE, sound.end + SILENCE)
            for sound in sounds_of(phone_times(words, request.text, speech))
        )
        samples = (clean + noise).astype(np.float32)
        spoken.append(Spoken(f"{voice}-{i:03d}", voice, " ".join(words), samples, sounds))
    return sorted(spoken, key=lambda s: s.utterance_id)


def features_of(utterances: list[Spoken]) -> FeatureSet:
    """MFCC less each speaker's mean."""
    extractor = Extractor(MfccOptions(sampling_rate=RATE))
    blocks = [extractor.compute([u.samples])[0] for u in utterances]
    frames = np.concatenate(blocks)
    offsets = np.concatenate(([0], np.cumsum([len(block) for block in blocks]))).astype(np.int64)
    speakers = [u.speaker for u in utterances]
    frames = apply_cmvn(frames, offsets, speakers, compute_cmvn(frames, offsets, speakers))
    names, texts = [u.utterance_id for u in utterances], [u.text for u in utterances]
    return FeatureSet(names, speakers, texts, frames, offsets)


def train_mono(lang: Lang, features: FeatureSet) -> GmmModel:
    """Monophones, with fewer iterations than a recipe has."""
    options = GmmOptions(
        type="mono",
        num_iterations=20,
        realign_iterations=(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18),
        max_increase_iteration=15,
        num_gaussians=250,
    )
    shards = single_shard(features)
    return train_rung(lang, shards, options, AlignOptions(), 1, lambda entry: None)
