"""ONNX graphs give the posteriors of the network, by another engine, for any length and batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from pipeline.config import ModelOptions
from pipeline.io.errors import UserError
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.onnx_export import INPUT, export_onnx, to_onnx
from tests.nnet.test_model import KINDS

DIM, NUM_PDFS = 5, 6
MORE = {
    "subsampled": {"type": "lstm", "frame_subsampling": 3, "splice_context": 1, "deltas": 2},
    "layer norm": {"type": "blstm", "layer_norm": True},
}
ALL = {name: kind for name, kind in (KINDS | MORE).items() if kind.get("type") != "lc_blstm"}


def network(options: dict[str, object], seed: int = 0) -> HybridModel:
    """Random weights, and statistics as if it had been trained."""
    torch.manual_seed(seed)
    model = AcousticModel(ModelOptions.model_validate({"hidden_dim": 12, **options}), DIM, NUM_PDFS)
    width = model.front_end.dim
    model.front_end.set_normalisation(torch.randn(width), torch.rand(width) + 0.5)
    for name, buffer in model.named_buffers():
        if "running_" in name:
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return HybridModel(model.eval(), torch.randn(NUM_PDFS).log_softmax(0), 1.0)


@pytest.mark.parametrize("kind", ALL)
def test_posteriors_are_the_same(kind: str, tmp_path: Path) -> None:
    model = network(ALL[kind])
    export_onnx(model, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    for batch, frames in ((1, 1), (1, 2), (3, 17), (2, 100), (1, 64)):
        features = torch.randn(batch, frames, DIM)
        lengths = torch.full((batch,), frames)
        with torch.inference_mode():
            expected = model.network(features, lengths).log_softmax(dim=2).numpy()
        (found,) = session.run(None, {INPUT: features.numpy()})
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_what_cannot_be_written_is_one_line() -> None:
    kind = next(kind for kind in KINDS.values() if kind.get("type") == "lc_blstm")
    with pytest.raises(UserError, match="lc_blstm runs in chunks"):
        to_onnx(network(kind))
    model = network({"type": "lstm"})
    quantize(model.network)
    model.network.weights = "int8"
    with pytest.raises(UserError, match="the network is int8; export the float32 one"):
        to_onnx(model)
