"""Pruning: the schedule, exact fractions that stay, files without zeros, whole units."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipeline.config import ModelOptions, NnetOptions, PruneOptions
from pipeline.io.errors import UserError
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.compression.pruning import (
    GradualPruning,
    prune_smallest,
    sparsity,
    weight_matrices,
)
from pipeline.nnet.compression.sparse import pack_sparse, unpack_sparse
from pipeline.nnet.compression.units import prune_units
from pipeline.nnet.model_files import HybridModel, load_model
from pipeline.nnet.train import train
from tests.nnet.test_model import KINDS, make
from tests.nnet.toy_data import NUM_PDFS, feature_set, options, toy_task

TASK, _ = toy_task(spread=0.5)
OPTIONS = PruneOptions(start="float", fraction=0.6, ramp=0.5)


def test_the_schedule() -> None:
    """Zhu and Gupta (2017), equation 1, from 0 to s_f between t_0 = 0 and n dt = ramp."""
    assert [sparsity(t, OPTIONS) for t in (0.0, 0.5, 0.7, 1.0)] == [0.0, 0.6, 0.6, 0.6]
    assert sparsity(0.25, OPTIONS) == pytest.approx(0.6 + (0.0 - 0.6) * (1 - 0.5) ** 3)


def test_the_smallest_by_hand() -> None:
    weight = torch.tensor([[0.3, -0.1, 0.2], [-5.0, 0.05, 1.0]])
    prune_smallest(weight, 0.5)
    assert (weight == 0).tolist() == [[False, True, True], [False, True, False]]


def zeros(weight: Tensor) -> int:
    return int((weight == 0).sum())


def test_the_fraction_is_exact_and_what_is_zero_stays(tmp_path: Path) -> None:
    chosen = options(model={"type": "blstm"}, training={"num_epochs": 4, "average_last": 2})
    train(TASK, NUM_PDFS, chosen, 1, tmp_path / "float")
    start = load_model(tmp_path / "float")
    seen: list[list[Tensor]] = []

    def look(record: dict[str, Any]) -> None:
        seen.append([weight.detach() == 0 for weight in weight_matrices(start.network)])

    pruned = NnetOptions.model_validate({**chosen.model_dump(), "prune": OPTIONS.model_dump()})
    train(
        *(TASK, NUM_PDFS, pruned, 1, tmp_path / "pruned"),
        start=start,
        constraint=GradualPruning(OPTIONS),
        on_step=look,
    )
    for earlier, later in itertools.pairwise(seen):
        for old, new in zip(earlier, later, strict=True):
            assert bool(new[old].all())
    counts = [sum(int(matrix.sum()) for matrix in step) for step in seen]
    assert counts[0] < counts[len(counts) // 4] < counts[len(counts) // 2 + 1] == counts[-1]
    model = load_model(tmp_path / "pruned").network
    for weight in weight_matrices(model):
        assert zeros(weight) == round(0.6 * weight.numel())
    assert any(zeros(bias) == 0 for bias in model.parameters() if bias.dim() == 1)
    folders = ("float", "pruned")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in folders]
    assert sizes[1] < 0.75 * sizes[0]


class Stopped(Exception):
    """Stands for a kill."""


def test_a_stopped_pruning_goes_on_bit_for_bit(tmp_path: Path) -> None:
    chosen = options(training={"checkpoint_steps": 3})
    train(TASK, NUM_PDFS, chosen, 1, tmp_path / "float")
    pruned = NnetOptions.model_validate({**chosen.model_dump(), "prune": OPTIONS.model_dump()})

    def stop(record: dict[str, Any]) -> None:
        if record["step"] == 8:
            raise Stopped

    def run(folder: str, **more: Any) -> bytes:
        start = load_model(tmp_path / "float")
        constraint = GradualPruning(OPTIONS)
        output = tmp_path / folder
        train(TASK, NUM_PDFS, pruned, 1, output, start=start, constraint=constraint, **more)
        return (output / "model.safetensors").read_bytes()

    with pytest.raises(Stopped):
        run("stopped", on_step=stop)
    assert run("stopped") == run("whole")


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 5), columns=st.integers(1, 9), seed=st.integers(0, 99))
def test_packed_weights_come_back(rows: int, columns: int, seed: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(rows, columns) * (torch.rand(rows, columns) < 0.4)
    given_ = {"a.weight": weight, "a.bias": torch.randn(3), "b": torch.zeros(2, 3)}
    back = unpack_sparse(pack_sparse(given_))
    assert {name: tensor.tolist() for name, tensor in back.items()} == {
        name: tensor.tolist() for name, tensor in given_.items()
    }


@pytest.mark.parametrize("kind", ["drnn", "lstm", "blstm", "lc_blstm"])
def test_units_that_do_nothing_are_the_ones_that_go(kind: str) -> None:
    """Units cut off from all that reads them: without them, each output is what it was."""
    model = make(**{**KINDS[kind], "num_layers": 2, "hidden_dim": 8})
    dead = [1, 4, 5]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            first = name.startswith("layers.0")
            if "weight_hh" in name or name == "output.weight":
                blocks = weight.view(len(weight), -1, 8)
                blocks[:, :, dead] = 0.0
            elif "weight_ih" in name and not first:
                weight.view(len(weight), -1, 8)[:, :, dead] = 0.0
    smaller = ModelOptions.model_validate({**model.options.model_dump(), "hidden_dim": 5})
    hybrid = HybridModel(model, torch.zeros(NUM_PDFS), 1.0)
    small = prune_units(hybrid, smaller).network.eval()
    batch = FrameStore(feature_set([9, 12])).pad([0, 1])
    torch.testing.assert_close(
        small(batch.features, batch.lengths), model(batch.features, batch.lengths)
    )
    assert small.num_parameters < model.num_parameters


def test_layers_that_are_more_than_units_are_refused() -> None:
    model = make(**KINDS["lstmp"])
    with pytest.raises(UserError, match="prune: lstmp: units are pruned of drnn, lstm"):
        prune_units(HybridModel(model, torch.zeros(NUM_PDFS), 1.0), model.options)
