"""A small frame classification task made in memory: each pdf is a Gaussian cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import NnetOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.nnet.targets import TrainingSet

NUM_PDFS = 6
DIM = 5


def feature_set(lengths: list[int], dim: int = DIM, seed: int = 0) -> FeatureSet:
    """Random features of utterances u000, u001, ..."""
    rng = np.random.default_rng(seed)
    ids = [f"u{i:03d}" for i in range(len(lengths))]
    frames = rng.normal(size=(sum(lengths), dim)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return FeatureSet(ids, ["s"] * len(ids), ["A"] * len(ids), frames, offsets)


def toy_task(
    num_utterances: int = 40, seed: int = 0, spread: float = 0.5
) -> tuple[TrainingSet, npt.NDArray[np.float64]]:
    """Utterances of 10 to 30 frames, segments of 2 to 5 frames; also the (P, F) cluster means."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(NUM_PDFS, DIM)) * 2.0 + 3.0
    features = feature_set([int(n) for n in rng.integers(10, 31, num_utterances)], seed=seed)
    pdfs = np.concatenate(
        [np.repeat(rng.integers(NUM_PDFS), rng.integers(2, 6)) for _ in range(features.num_frames)]
    )[: features.num_frames].astype(np.int64)
    frames = means[pdfs] + spread * features.frames
    return TrainingSet(features.with_frames(frames.astype(np.float32)), pdfs, []), means


def options(**sections: dict[str, Any]) -> NnetOptions:
    """Options of a quick training; `sections` replace single values."""
    base: dict[str, dict[str, Any]] = {
        "model": {"hidden_dim": 16, "num_layers": 2},
        "training": {
            "num_epochs": 4,
            "batch_frames": 150,
            "warmup_steps": 5,
            "learning_rate": 1e-2,
            "num_threads": 1,
        },
    }
    for name, values in sections.items():
        base[name] = {**base.get(name, {}), **values}
    return NnetOptions.model_validate({"alignment": "mono", **base})
