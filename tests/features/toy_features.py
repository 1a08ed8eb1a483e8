"""Random frames of a few utterances."""

from __future__ import annotations

import numpy as np

from pipeline.features.feature_set import FeatureSet


def toy_set(lengths: tuple[int, ...] = (5, 1, 9, 30), dim: int = 3, seed: int = 0) -> FeatureSet:
    """Utterances u0, u1, ... of the given lengths; speakers a and b in turn."""
    rng = np.random.default_rng(seed)
    frames = (rng.standard_normal((sum(lengths), dim)) * 3.0 + 7.0).astype(np.float32)
    return FeatureSet(
        [f"u{i}" for i in range(len(lengths))],
        ["ab"[i % 2] for i in range(len(lengths))],
        ["ONE"] * len(lengths),
        frames,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
