"""What networks read: MFCC and filter banks made from sound, with CMVN, deltas and splicing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.config import MfccOptions
from pipeline.features.cmvn import apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.targets import TrainingSet
from pipeline.nnet.train import train
from tests.nnet.toy_data import options

RATE = 8000
PITCHES = (300.0, 700.0, 1500.0, 2600.0)  # Hz; a target each
SEGMENT = 800  # samples, 10 frames
GAINS = {"loud": 0.4, "soft": 0.01}  # of each speaker, so that CMVN has something to do


def sounds(features: MfccOptions, norm_vars: bool) -> TrainingSet:
    """30 utterances of 3 to 5 tones in noise; each frame's target is the tone of its middle."""
    rng = np.random.default_rng(0)
    extractor = Extractor(features)
    waveforms: list[npt.NDArray[np.float32]] = []
    tones, speakers = [], []
    for i in range(30):
        said = rng.integers(len(PITCHES), size=rng.integers(3, 6))
        speakers.append(list(GAINS)[i % 2])
        time = np.arange(len(said) * SEGMENT) / RATE
        wave = np.sin(2 * np.pi * np.repeat(np.array(PITCHES)[said], SEGMENT) * time)
        wave += 0.1 * rng.normal(size=len(time))
        waveforms.append((GAINS[speakers[-1]] * wave).astype(np.float32))
        tones.append(said)
    blocks = extractor.compute(waveforms)
    pdfs = []
    for block, said in zip(blocks, tones, strict=True):
        middles = np.arange(len(block)) * extractor.shift + extractor.window // 2
        pdfs.append(said[np.minimum(middles // SEGMENT, len(said) - 1)])
    frames = np.concatenate(blocks)
    offsets = np.concatenate([[0], np.cumsum([len(block) for block in blocks])]).astype(np.int64)
    stats = compute_cmvn(frames, offsets, speakers)
    frames = apply_cmvn(frames, offsets, speakers, stats, norm_vars)
    ids = [f"u{i:02d}" for i in range(30)]
    spoken = FeatureSet(ids, speakers, [""] * 30, frames, offsets)
    return TrainingSet(spoken, np.concatenate(pdfs).astype(np.int64), [])


@pytest.mark.parametrize("kind", ["mfcc", "fbank"])
@pytest.mark.parametrize(
    "model",
    [
        {"type": "lstm", "splice_context": 2, "norm_vars": True},
        {"type": "tdnn_lstm", "tdnn_dilations": [[1, 2]], "num_layers": 1, "deltas": 1},
    ],
)
def test_a_network_learns_tones(kind: str, model: dict[str, Any], tmp_path: Path) -> None:
    features = MfccOptions.model_validate(
        {"type": kind, "sampling_rate": RATE, "num_mel_bins": 20, "num_ceps": 10}
    )
    training = sounds(features, model.get("norm_vars", False))
    assert training.features.dim == (10 if kind == "mfcc" else 20)
    settings = options(model=model, training={"num_epochs": 12})
    train(training, len(PITCHES), settings, 1, tmp_path)
    assert list(read_json_lines(tmp_path / "log.jsonl"))[-1]["frame_accuracy"] > 0.8
