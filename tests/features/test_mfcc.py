"""MFCC and log-mel energies against kaldi_native_fbank, which computes Kaldi's numbers."""

from __future__ import annotations

from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.config import MfccOptions
from pipeline.data.audio import read_samples
from pipeline.data.manifests import recording, supervision
from pipeline.features.mfcc import Extractor, extract
from tests.data.toy_audio import write_wav

TOLERANCE = 1e-3


def kaldi_features(
    samples: npt.NDArray[np.float32], options: MfccOptions
) -> npt.NDArray[np.float32]:
    """Features of one waveform in [-1, 1] by kaldi_native_fbank: (T, F)."""
    theirs = knf.MfccOptions() if options.type == "mfcc" else knf.FbankOptions()
    theirs.frame_opts.samp_freq = options.sampling_rate
    theirs.frame_opts.dither = 0.0
    theirs.frame_opts.frame_length_ms = options.frame_length_ms
    theirs.frame_opts.frame_shift_ms = options.frame_shift_ms
    theirs.mel_opts.num_bins = options.num_mel_bins
    theirs.mel_opts.low_freq = options.low_freq
    theirs.mel_opts.high_freq = options.high_freq
    if options.type == "mfcc":
        theirs.num_ceps = options.num_ceps
        theirs.use_energy = options.use_energy
    computer = (knf.OnlineMfcc if options.type == "mfcc" else knf.OnlineFbank)(theirs)
    computer.accept_waveform(options.sampling_rate, (samples * 32768.0).tolist())
    computer.input_finished()
    frames = [computer.get_frame(t) for t in range(computer.num_frames_ready)]
    return np.array(frames, dtype=np.float32)


def signal(kind: str, rate: int, seconds: float = 0.7) -> npt.NDArray[np.float32]:
    """A test signal, rounded to 16 bits: (num_samples,) in [-1, 1]."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * rate)) / rate
    waveform = {
        "noise": 0.3 * rng.standard_normal(len(time)),
        # With some noise: far from a pure tone Kaldi's bins hold its single-precision rounding.
        "chirp": 0.5 * np.sin(2 * np.pi * (100.0 + 1500.0 * time) * time)
        + 0.01 * rng.standard_normal(len(time)),
        "quiet": 2e-4 * rng.standard_normal(len(time)) + 0.02,  # a few steps, with an offset
        "silence": np.zeros(len(time)),
        "clipped": np.clip(3.0 * np.sin(2 * np.pi * 220.0 * time), -1.0, 0.999),
    }[kind]
    return (np.round(waveform * 32768.0).clip(-32768, 32767) / 32768.0).astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "chirp", "quiet", "silence", "clipped"])
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("use_energy", [False, True])
def test_mfcc_are_kaldis(kind: str, rate: int, use_energy: bool) -> None:
    options = MfccOptions(sampling_rate=rate, use_energy=use_energy)
    samples = signal(kind, rate)
    (ours,) = Extractor(options).compute([samples])
    theirs = kaldi_features(samples, options)
    assert ours.shape == theirs.shape == (68, 13)
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


@pytest.mark.parametrize(
    "options",
    [
        MfccOptions(num_ceps=20, num_mel_bins=40, high_freq=-400.0),
        MfccOptions(low_freq=60.0, high_freq=7600.0, num_ceps=23),
        MfccOptions(frame_length_ms=20.0, frame_shift_ms=5.0),
        MfccOptions(type="fbank", num_mel_bins=40),
        MfccOptions(type="fbank", num_mel_bins=80, high_freq=-400.0),
    ],
    ids=["hires", "band", "frames", "fbank", "fbank80"],
)
def test_other_options_are_kaldis(options: MfccOptions) -> None:
    samples = signal("noise", 16000)
    extractor = Extractor(options)
    (ours,) = extractor.compute([samples])
    assert ours.shape[1] == extractor.dim
    np.testing.assert_allclose(ours, kaldi_features(samples, options), atol=TOLERANCE)


def test_a_batch_gives_what_each_gives_alone() -> None:
    extractor = Extractor(MfccOptions(sampling_rate=8000))
    waveforms = [signal("noise", 8000, seconds) for seconds in (0.7, 0.025, 0.31, 0.02, 0.5)]
    together = extractor.compute(waveforms)
    assert [len(frames) for frames in together] == [68, 1, 29, 0, 48]
    for waveform, frames in zip(waveforms, together, strict=True):
        np.testing.assert_allclose(frames, extractor.compute([waveform])[0], atol=1e-5)


@pytest.mark.parametrize("use_energy", [False, True])
def test_real_speech_has_kaldis_mfcc(corpora_dir: Path, use_energy: bool) -> None:
    options = MfccOptions(sampling_rate=8000, use_energy=use_energy)
    extractor = Extractor(options)
    files = sorted((corpora_dir / "fsdd" / "recordings").glob("*_0.wav"))
    assert len(files) == 60
    waveforms = [read_samples(path, 8000) for path in files]
    for waveform, ours in zip(waveforms, extractor.compute(waveforms), strict=True):
        np.testing.assert_allclose(ours, kaldi_features(waveform, options), atol=TOLERANCE)


def test_bad_files_are_listed_and_threads_do_not_matter(tmp_path: Path) -> None:
    items = []
    for i, seconds in enumerate((0.3, 0.02, 0.9, 0.5)):
        path = write_wav(tmp_path / f"{i}.wav", signal("noise", 8000, seconds))
        length = round(seconds * 8000)
        items.append(
            (
                recording(f"u{i}", path, 8000, length),
                supervision(f"u{i}", f"u{i}", 0.0, length / 8000, "ONE", "s"),
            )
        )
    (tmp_path / "3.wav").write_bytes(b"gone bad since preparation")
    extractor = Extractor(MfccOptions(sampling_rate=8000))
    one, two = (extract(items, extractor, num_threads=number) for number in (1, 2))
    for extracted in (one, two):
        assert [item["id"] for item, _ in extracted.features] == ["u0", "u2"]
        assert [(reject.utterance_id, reject.reason[:16]) for reject in extracted.rejects] == [
            ("u1", "too short for on"),
            ("u3", "unreadable audio"),
        ]
    for (_, mine), (_, other) in zip(one.features, two.features, strict=True):
        assert np.array_equal(mine, other)


def test_a_segment_has_the_features_of_its_samples(tmp_path: Path) -> None:
    samples = signal("chirp", 8000, 2.0)
    path = write_wav(tmp_path / "a.wav", samples)
    item = (
        recording("rec", path, 8000, len(samples)),
        supervision("a", "rec", 0.5, 0.75, "ONE", "s"),
    )
    extractor = Extractor(MfccOptions(sampling_rate=8000))
    ((_, frames),) = extract([item], extractor).features
    np.testing.assert_allclose(frames, extractor.compute([samples[4000:10000]])[0], atol=1e-5)
