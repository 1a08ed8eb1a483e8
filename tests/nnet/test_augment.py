"""Perturbed copies: lengths, targets, levels, and the same again from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.config import AugmentOptions, MfccOptions
from pipeline.features.cmvn import apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor
from pipeline.io.errors import UserError
from pipeline.nnet.augment import AudioPerturbation, Segment, change_level, stretch
from pipeline.nnet.targets import TrainingSet

RATE = 8000
MFCC = MfccOptions(sampling_rate=RATE)
NUM_UTTERANCES = 4


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[TrainingSet, dict[str, Segment]]:
    """Four noisy tones of 0.3 to 0.6 s, the second half of a file, two speakers."""
    rng = np.random.default_rng(1)
    segments, waveforms, names = {}, [], [f"u{i}" for i in range(NUM_UTTERANCES)]
    for i, name in enumerate(names):
        time = np.arange(int(RATE * (0.3 + 0.1 * i))) / RATE
        tone = 0.3 * np.sin(2 * np.pi * 200 * (i + 2) * time)
        samples = (tone + 0.01 * rng.normal(size=len(time))).astype(np.float32)
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, np.concatenate([np.zeros(RATE), samples]), RATE, subtype="PCM_16")
        segments[name] = Segment(path, 1.0)
        waveforms.append(soundfile.read(path, start=RATE, dtype="float32")[0])
    blocks = Extractor(MFCC).compute(waveforms)
    offsets = np.concatenate([[0], np.cumsum([len(b) for b in blocks])]).astype(np.int64)
    speakers = ["a", "b", "a", "b"]
    frames = np.concatenate(blocks)
    frames = apply_cmvn(frames, offsets, speakers, compute_cmvn(frames, offsets, speakers))
    features = FeatureSet(names, speakers, ["X"] * NUM_UTTERANCES, frames, offsets)
    return TrainingSet(features, np.arange(len(frames), dtype=np.int64) // 5, []), segments


def perturb(corpus: tuple[TrainingSet, dict[str, Segment]], **options: object) -> TrainingSet:
    training, segments = corpus
    settings = AugmentOptions.model_validate(options)
    return AudioPerturbation(segments, MFCC, settings, seed=1)(training)


def test_a_copy_without_change_is_the_original(
    corpus: tuple[TrainingSet, dict[str, Segment]],
) -> None:
    both = perturb(corpus, speed_factors=(1.0,))
    original, _ = corpus
    size = original.features.num_frames
    assert both.features.utterance_ids[NUM_UTTERANCES:] == ["sp1-u0", "sp1-u1", "sp1-u2", "sp1-u3"]
    np.testing.assert_allclose(both.features.frames[:size], original.features.frames)
    np.testing.assert_allclose(both.features.frames[size:], original.features.frames, atol=1e-4)
    np.testing.assert_array_equal(both.pdfs[size:], original.pdfs)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_changes_lengths_and_targets_alike(
    corpus: tuple[TrainingSet, dict[str, Segment]], factor: float
) -> None:
    both = perturb(corpus, speed_factors=(factor,)).features
    lengths = both.lengths
    np.testing.assert_allclose(lengths[4:], lengths[:4] / factor, atol=3.0)
    assert both.speakers[4:] == [f"sp{factor:g}-{s}" for s in ("a", "b", "a", "b")]
    assert len(both.frames) == lengths.sum() == both.offsets[-1]


def test_speed_and_warps_make_a_copy_each(corpus: tuple[TrainingSet, dict[str, Segment]]) -> None:
    names = perturb(corpus, speed_factors=(0.9, 1.1), vtln_warps=(0.9,)).features.utterance_ids
    assert [name for name in names if name.endswith("u2")] == [
        "u2",
        "sp0.9-u2",
        "sp1.1-u2",
        "vtln0.9-u2",
    ]


def test_stretch_by_hand() -> None:
    pdfs = np.array([7, 7, 8, 9])
    assert stretch(pdfs, 4, 1.0).tolist() == [7, 7, 8, 9]
    assert stretch(pdfs, 8, 0.5).tolist() == [7, 7, 7, 7, 8, 8, 9, 9]
    assert stretch(pdfs, 2, 2.0).tolist() == [7, 9]
    assert stretch(pdfs, 10, 0.5).tolist()[-2:] == [9, 9]


def test_noise_has_the_ratio_asked_for() -> None:
    samples = np.sin(np.arange(80_000) / 7).astype(np.float32)
    options = AugmentOptions(noise_snr_db=(10.0, 10.0))
    noise = change_level(samples, options, np.random.default_rng(1)) - samples
    ratio = 10 * np.log10(np.square(samples).mean() / np.square(noise).mean())
    assert ratio == pytest.approx(10.0, abs=0.1)


def test_volume_is_a_gain_within_bounds() -> None:
    samples = np.ones(4, np.float32)
    options = AugmentOptions(volume_db=6.0)
    rng = np.random.default_rng(1)
    gains = np.array([change_level(samples, options, rng)[0] for _ in range(500)])
    decibels = 20 * np.log10(gains)
    assert -6.0 <= decibels.min() < -5.0
    assert 5.0 < decibels.max() <= 6.0


def test_the_same_seed_gives_the_same_copies(
    corpus: tuple[TrainingSet, dict[str, Segment]],
) -> None:
    options = {"noise_snr_db": (5.0, 20.0), "volume_db": 3.0}
    first, second = perturb(corpus, **options), perturb(corpus, **options)
    np.testing.assert_array_equal(first.features.frames, second.features.frames)
    assert first.features.num_utterances == 2 * NUM_UTTERANCES
    size = corpus[0].features.num_frames
    assert np.abs(first.features.frames[size:] - first.features.frames[:size]).max() > 0.1


def test_which_options_need_audio() -> None:
    assert not AugmentOptions(time_masks=2, frequency_masks=1).perturbs_audio
    for options in ({"speed_factors": (0.9,)}, {"vtln_warps": (0.9,)}, {"volume_db": 1.0}):
        assert AugmentOptions.model_validate(options).perturbs_audio


def test_audio_that_does_not_fit_the_features(
    corpus: tuple[TrainingSet, dict[str, Segment]],
) -> None:
    _, segments = corpus
    late = Segment(segments["u3"].path, 1.4)
    with pytest.raises(UserError, match=r"u3\.wav: u3: .* do not give its 58 frames"):
        perturb((corpus[0], {**segments, "u3": late}), volume_db=1.0)
    with pytest.raises(UserError, match="u3: its cut names no audio"):
        perturb((corpus[0], {k: v for k, v in segments.items() if k != "u3"}), volume_db=1.0)
