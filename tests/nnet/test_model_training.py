"""Every type of network through training: exact resume, files, subsampled targets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.forward import forward
from pipeline.nnet.model_files import load_model
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS, SUBSAMPLED
from tests.nnet.toy_data import NUM_PDFS, options, toy_task


class Stop(Exception):
    """Ends a training in the middle."""


def stop_at(step: int) -> Any:
    def stop(record: dict[str, Any]) -> None:
        if record["step"] == step:
            raise Stop

    return stop


@pytest.mark.parametrize(
    "kind", ["drnn", "lstmp", "lc_blstm", "tdnn_lstm", "tdnn_lstm, subsampled"]
)
def test_a_training_that_was_stopped_ends_with_the_same_bytes(kind: str, tmp_path: Path) -> None:
    model = {**(KINDS | SUBSAMPLED)[kind], "dropout": 0.3}
    settings = options(model=model, training={"checkpoint_steps": 4, "average_last": 2})
    task, _ = toy_task(24)
    with pytest.raises(Stop):
        train(task, NUM_PDFS, settings, 1, tmp_path / "stopped", on_step=stop_at(10))
    train(task, NUM_PDFS, settings, 1, tmp_path / "stopped")
    trained = train(task, NUM_PDFS, settings, 1, tmp_path / "whole")
    for name in ("model.safetensors", "model.json", "steps.jsonl"):
        stopped, whole = ((tmp_path / way / name).read_bytes() for way in ("stopped", "whole"))
        assert stopped == whole, name
    loaded = load_model(tmp_path / "whole")  # with the buffers of batch normalisation
    for name, tensor in trained.network.state_dict().items():
        torch.testing.assert_close(loaded.network.state_dict()[name], tensor)
    for (_, a), (_, b) in zip(
        forward(trained, task.features), forward(loaded, task.features), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("kind", ["lstm, subsampled", "tdnn_lstm, subsampled"])
def test_subsampled_networks_learn_blocks(kind: str, tmp_path: Path) -> None:
    task, means = toy_task(spread=0.3)
    for start, end in pairwise(task.features.offsets):  # one label for each block of 3 frames
        first = start + np.arange(end - start) // 3 * 3
        labels = task.pdfs[first]
        task.features.frames[start:end] += means[labels] - means[task.pdfs[start:end]]
        task.pdfs[start:end] = labels
    model = (KINDS | SUBSAMPLED)[kind]
    train(task, NUM_PDFS, options(model=model, training={"num_epochs": 30}), 1, tmp_path)
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    assert log[-1]["loss"] < 0.6 * log[0]["loss"]
    assert log[-1]["frame_accuracy"] > 0.7
    results = forward(load_model(tmp_path), task.features)
    best = np.concatenate([matrix.argmax(axis=1) for _, matrix in results])
    assert len(best) == len(task.pdfs)  # a row for each frame, as graph and decoder want them
    assert (best == task.pdfs).mean() > 0.7
