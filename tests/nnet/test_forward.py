"""Log-likelihoods: Bayes' rule, delay, order; and models through their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import ModelOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet import forward as forward_module
from pipeline.nnet.forward import forward
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, load_model, save_model
from pipeline.nnet.train import train
from tests.nnet.toy_data import DIM, NUM_PDFS, feature_set, options, toy_task


def hybrid(prior_scale: float = 1.0, **model: object) -> HybridModel:
    torch.manual_seed(0)
    settings = ModelOptions.model_validate({"hidden_dim": 8, **model})
    network = AcousticModel(settings, DIM, NUM_PDFS)
    priors = torch.arange(1.0, NUM_PDFS + 1).log_softmax(dim=0)
    return HybridModel(network, priors, prior_scale)


def posteriors(model: HybridModel, features: FeatureSet, i: int) -> np.ndarray:
    """The network alone on utterance i, frame t read at t + delay."""
    delay = model.network.options.target_delay
    frames = features.utterance(i)
    frames = np.concatenate([frames, np.repeat(frames[-1:], delay, axis=0)])
    with torch.no_grad():
        logits = model.network(torch.from_numpy(frames)[None], torch.tensor([len(frames)]))
    return logits[0, delay:].softmax(dim=1).numpy()


@pytest.mark.parametrize("model", [{}, {"target_delay": 3}, {"type": "blstm"}])
@pytest.mark.parametrize("prior_scale", [1.0, 0.5, 0.0])
def test_bayes_rule_in_the_order_of_the_set(
    model: dict[str, object], prior_scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_module, "CHUNK_VALUES", 30 * NUM_PDFS)  # several chunks
    monkeypatch.setattr(forward_module, "BATCH_FRAMES", 20)
    net = hybrid(prior_scale, **model)
    features = feature_set([7, 40, 1, 12, 3])
    results = list(forward(net, features))
    assert [utterance_id for utterance_id, _ in results] == features.utterance_ids
    for i, (_, log_likelihoods) in enumerate(results):
        assert log_likelihoods.dtype == np.float32
        assert log_likelihoods.shape == (features.lengths[i], NUM_PDFS)
        expected = np.log(posteriors(net, features, i)) - prior_scale * net.log_priors.numpy()
        np.testing.assert_allclose(log_likelihoods, expected, atol=1e-5)


def test_a_trained_network_finds_the_labels(tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.3)
    train(
        task, NUM_PDFS, options(model={"target_delay": 1}, training={"num_epochs": 8}), 1, tmp_path
    )
    results = forward(load_model(tmp_path), task.features)
    best = np.concatenate([matrix.argmax(axis=1) for _, matrix in results])
    assert (best == task.pdfs).mean() > 0.8


def test_model_files_give_back_the_same_model(tmp_path: Path) -> None:
    model = hybrid(0.7, deltas=1, layer_norm=True)
    model.network.front_end.set_normalisation(torch.rand(2 * DIM), torch.rand(2 * DIM))
    save_model(tmp_path, model, {"seed": 1})
    features = feature_set([5, 9])
    for (_, a), (_, b) in zip(
        forward(model, features), forward(load_model(tmp_path), features), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_damaged_model_files(tmp_path: Path) -> None:
    save_model(tmp_path, hybrid(), {})
    good = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(json.dumps({**json.loads(good), "num_pdfs": 3}))
    with pytest.raises(UserError, match=r"model\.json: damaged"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({**json.loads(good), "format": 99}))
    with pytest.raises(UserError, match=r"model\.json: format 99"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text(good)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"model\.safetensors: damaged"):
        load_model(tmp_path)


def test_features_of_another_width() -> None:
    with pytest.raises(UserError, match=f"3 values a frame, the network was trained on {DIM}"):
        next(forward(hybrid(), feature_set([4], dim=3)))
