"""A network fed in parts puts out what it does over the whole utterance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import ModelOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.forward import forward
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.streaming import StreamingNetwork

TYPES: list[dict[str, Any]] = [
    {"type": "drnn"},
    {"type": "lstm", "target_delay": 5, "layer_norm": True},
    {"type": "lstmp", "projection_dim": 4, "deltas": 2, "splice_context": 2},
    {"type": "lstm", "target_delay": 2, "splice_context": 1, "frame_subsampling": 3},
    {"type": "lc_blstm", "chunk_frames": 7, "right_context": 3},
    {"type": "lc_blstm", "chunk_frames": 4, "right_context": 5, "deltas": 1},
    {"type": "tdnn_lstm", "tdnn_dilations": ((1, 2), (3,)), "target_delay": 3},
    {"type": "tdnn_lstm", "tdnn_dilations": ((1,), (2,)), "frame_subsampling": 2},
]


def made(options: dict[str, Any]) -> HybridModel:
    torch.manual_seed(3)
    network = AcousticModel(ModelOptions(hidden_dim=8, num_layers=2, **options), 5, 6).eval()
    network.front_end.set_normalisation(
        torch.randn(network.front_end.dim), torch.rand(network.front_end.dim) + 0.5
    )
    return HybridModel(network, torch.randn(6), 0.7)


@pytest.mark.parametrize("options", TYPES)
@pytest.mark.parametrize("num_frames", [1, 6, 47])
def test_any_division_gives_the_same(options: dict[str, Any], num_frames: int) -> None:
    model = made(options)
    rng = np.random.default_rng(num_frames)
    frames = rng.normal(size=(num_frames, 5)).astype(np.float32)
    offsets = np.array([0, num_frames], np.int64)
    ((_, whole),) = forward(model, FeatureSet(["a"], ["a"], [""], frames, offsets))
    latency = model.network.latency_frames
    assert latency is not None
    for size in (1, 4, 100):
        stream = StreamingNetwork(model)
        parts = []
        for start in range(0, num_frames, size):
            parts.append(stream.push(frames[start : start + size]))
            given = min(start + size, num_frames)
            assert sum(map(len, parts)) >= given - latency  # waits no longer than it must
        parts.append(stream.push(frames[:0], last=True))
        assert np.concatenate(parts) == pytest.approx(whole, abs=1e-4)


def test_a_network_of_the_whole_utterance_is_refused() -> None:
    with pytest.raises(UserError, match="blstm reads the whole utterance"):
        StreamingNetwork(made({"type": "blstm"}))
