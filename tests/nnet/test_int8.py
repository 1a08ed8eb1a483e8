"""int8: codes by hand, layers against products in float64, posteriors, files, programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.io.archive import read_matrices
from pipeline.io.errors import UserError
from pipeline.nnet.forward import forward
from pipeline.nnet.int8 import Int8Linear, Int8Lstm, quantize, quantize_rows
from pipeline.nnet.model_files import HybridModel, load_model, save_model
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS, SUBSAMPLED, make
from tests.nnet.test_whole_word import write_stage
from tests.nnet.toy_data import DIM, NUM_PDFS, options, toy_task

REPOSITORY = Path(__file__).parents[2]
INTEGER = ("lstm", "blstm", "lc_blstm", "tdnn_lstm", "with everything", "lstm, subsampled")


def test_codes_by_hand() -> None:
    weight = torch.tensor([[1.27, -0.634, 0.01], [0.0, 0.0, 0.0], [-254.0, 2.0, 1.1]])
    codes, scales = quantize_rows(weight)
    assert codes.tolist() == [[127, -63, 1], [0, 0, 0], [-127, 1, 1]]
    torch.testing.assert_close(scales[[0, 2]], torch.tensor([0.01, 2.0]))
    again, same = quantize_rows(codes * scales.unsqueeze(1))
    assert torch.equal(again, codes)
    torch.testing.assert_close(same, scales)


def dynamic(values: Tensor, weight: Tensor) -> Tensor:
    """Product of quantised values and weights in float64: 7 bits from the range of the values."""
    low, high = min(values.min().item(), 0.0), max(values.max().item(), 0.0)
    scale = (high - low) / 127
    zero = round(-low / scale)
    coded = ((values.double() / scale).round() + zero).clamp(0, 127) - zero
    codes, scales = quantize_rows(weight)
    return scale * coded @ (codes.double() * scales.double().unsqueeze(1)).T


def test_a_linear_layer_is_the_product_of_codes() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(30, 20)
    values = torch.randn(4, 5, 30)
    with torch.no_grad():
        expected = dynamic(values, linear.weight) + linear.bias
    torch.testing.assert_close(Int8Linear(linear)(values).double(), expected, atol=1e-5, rtol=1e-4)


def test_an_lstm_is_close_and_goes_on_from_a_state() -> None:
    torch.manual_seed(1)
    lstm = nn.LSTM(16, 32, batch_first=True)
    small = Int8Lstm(lstm)
    frames = torch.randn(3, 9, 16)
    with torch.no_grad():
        expected, _ = lstm(frames)
        output, (hidden, cells) = small(frames)
        assert 0.0 < (output - expected).abs().max() < 0.02
        torch.testing.assert_close(hidden[0], output[:, -1])
        assert cells.shape == (1, 3, 32)
        first, state = small(frames[:, :4])
        rest, _ = small(frames[:, 4:], state)
    assert (torch.cat([first, rest], dim=1) - output).abs().max() < 0.02


def trained(kind: str, folder: Path) -> HybridModel:
    task, _ = toy_task(spread=0.3)
    model = (KINDS | SUBSAMPLED)[kind]
    train(task, NUM_PDFS, options(model=model, training={"num_epochs": 6}), 1, folder)
    return load_model(folder)


def log_likelihoods(model: HybridModel) -> np.ndarray:
    return np.concatenate([rows for _, rows in forward(model, toy_task(spread=0.3)[0].features)])


@pytest.mark.parametrize("kind", INTEGER)
def test_posteriors_and_files(kind: str, tmp_path: Path) -> None:
    model = trained(kind, tmp_path / "float")
    model.prior_scale = 0.0
    before = np.exp(log_likelihoods(model))
    quantize(model.network)
    after = log_likelihoods(model)
    assert np.abs(np.exp(after) - before).max() < 0.1
    assert np.abs(np.exp(after) - before).mean() < 0.01
    assert (after.argmax(axis=1) == before.argmax(axis=1)).mean() > 0.98
    save_model(tmp_path / "int8", model, {})
    loaded = load_model(tmp_path / "int8")
    assert loaded.network.num_parameters == model.network.num_parameters
    assert loaded.network.latency_frames == model.network.latency_frames
    np.testing.assert_array_equal(log_likelihoods(loaded), after)


def test_size_on_disk(tmp_path: Path) -> None:
    model = HybridModel(make(type="lstm", hidden_dim=128), torch.zeros(NUM_PDFS), 1.0)
    save_model(tmp_path / "float", model, {})
    quantize(model.network)
    save_model(tmp_path / "int8", model, {})
    sizes = {w: (tmp_path / w / "model.safetensors").stat().st_size for w in ("float", "int8")}
    assert sizes["float"] > 3.5 * sizes["int8"]


@pytest.mark.parametrize(("kind", "said"), [("drnn", "tanh RNNs"), ("lstmp", "LSTMs with proj")])
def test_types_without_integer_kernels(kind: str, said: str) -> None:
    network = make(**KINDS[kind])
    with pytest.raises(UserError, match=f"int8: {kind}: torch has no integer kernel for {said}"):
        quantize(network)
    assert network.weights == "float32"
    network(torch.randn(1, 3, DIM), torch.tensor([3]))  # as it was


def run(program: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"pipeline.bin.{program}", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)


def test_the_program(tmp_path: Path) -> None:
    model = HybridModel(make(type="lstm"), torch.zeros(NUM_PDFS), 1.0)
    save_model(tmp_path / "float", model, {})
    (tmp_path / "float/hmm.json").write_text("{}")
    folders = ("--model-dir", tmp_path / "float", "--output-dir", tmp_path / "int8")
    done = run("quantize_nnet", *folders)
    assert done.returncode == 0, done.stderr
    assert "times fewer" in done.stderr
    assert (tmp_path / "int8/hmm.json").read_text() == "{}"
    assert load_model(tmp_path / "int8").network.weights == "int8"
    done = run("quantize_nnet", "--model-dir", tmp_path / "int8", "--output-dir", tmp_path / "b")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is int8 already" in done.stderr
    done = run("quantize_nnet", *folders[:3], tmp_path / "float")
    assert "is the model itself" in done.stderr


def test_log_likelihoods_of_a_float_network_in_int8(tmp_path: Path) -> None:
    trained("lstm", tmp_path / "float")
    write_stage(tmp_path / "set", toy_task(6, spread=0.3)[0].features)
    results = []
    for name, more in (("float", ()), ("int8", ("--int8",))):
        done = run(
            "nnet_loglikes",
            *("--cuts", tmp_path / "set/cuts.jsonl.gz", "--cmvn", tmp_path / "set/cmvn.ark"),
            *("--model-dir", tmp_path / "float", *more),
            *("--output-ark", tmp_path / f"{name}.ark", "--output-scp", tmp_path / f"{name}.scp"),
        )
        assert done.returncode == 0, done.stderr
        results.append(np.concatenate([m for _, m in read_matrices(tmp_path / f"{name}.scp")]))
    assert 0.0 < np.abs(results[0] - results[1]).mean() < 0.1
