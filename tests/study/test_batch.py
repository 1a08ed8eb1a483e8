"""A study's trainings on a toy task: what is finished stays, and noise is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.decode.one_best import OneBest
from pipeline.decode.options import Setting
from pipeline.io.errors import UserError
from pipeline.nnet.train import train
from pipeline.study import batch
from pipeline.study import run as study_run
from pipeline.study.batch import missing, run_batch
from pipeline.study.design import Cell
from pipeline.study.inputs import Inputs
from pipeline.study.results import read_results
from pipeline.study.run import add_label_noise, has_diverged, run_cell
from tests.decode.brute_force import random_graph, random_utterances, viterbi
from tests.nnet.toy_data import DIM, NUM_PDFS, feature_set, toy_task

SETTING = Setting(12.0, 0.0)


def cell(seed: int = 1, **more: Any) -> Cell:
    network = {
        "model": {"hidden_dim": 8, "num_layers": 1},
        "training": {
            "num_epochs": 8,
            "learning_rate": 1e-2,
            "batch_frames": 150,
            "max_culprits": 0,
        },
    }
    return Cell.model_validate({"inputs": "toy", "network": network, "seed": seed, **more})


def toy_inputs() -> Inputs:
    task, _ = toy_task(spread=0.3)
    return Inputs(task, NUM_PDFS, feature_set([5, 9], DIM), {})


def test_a_training_says_what_was_seen() -> None:
    result = run_cell(cell(), toy_inputs())
    assert len(result["epochs"]) == 8
    assert not result["diverged"]
    assert result["run_id"] == cell().run_id != cell(2).run_id
    for epoch in result["epochs"]:
        assert epoch["norms"] == sorted(epoch["norms"])
        assert 0 <= epoch["clipped"] <= 1


def test_a_teacher_is_trained_first_and_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, taught = cell(), cell(teacher={"type": "blstm", "hidden_dim": 12, "num_layers": 1})
    assert "teacher" not in alone.model_dump()  # cells without one keep their run_id
    assert taught.run_id != alone.run_id
    shapes: list[str] = []

    def note(training: Any, num_pdfs: int, options: Any, *others: Any, **more: Any) -> Any:
        shapes.append(options.model.type)
        assert (more.get("criterion") is not None) == (len(shapes) == 2)
        return train(training, num_pdfs, options, *others, **more)

    monkeypatch.setattr(study_run, "train", note)
    result = run_cell(taught, toy_inputs())
    assert shapes == ["blstm", "lstm"]
    assert result["num_parameters"] == run_cell(alone, toy_inputs())["num_parameters"]
    assert result["cell"]["teacher"]["hidden_dim"] == 12


@pytest.mark.parametrize("seed", range(5))
def test_one_best_words_are_those_of_brute_force(seed: int) -> None:
    graph = random_graph(seed)
    search = OneBest(graph, SETTING, beam=1000.0)
    for utterance in random_utterances(seed, 4):
        best = viterbi(graph, utterance.log_likes, SETTING.lm_weight)
        if np.isfinite(best[0]):
            words = [graph.words.name(word) for word in best[1]]
            assert search.words_of(utterance.log_likes) == words


def test_noise_changes_its_share_of_the_segments_and_whole_segments_only() -> None:
    task, _ = toy_task(num_utterances=400)
    noisy = add_label_noise(task, 0.3, NUM_PDFS, seed=1).pdfs
    starts = np.r_[True, task.pdfs[1:] != task.pdfs[:-1]]
    starts[task.features.offsets[:-1]] = True
    segment = np.cumsum(starts) - 1
    changed = noisy != task.pdfs
    by_segment = np.bincount(segment, changed) / np.bincount(segment)
    assert set(by_segment) <= {0.0, 1.0}
    assert by_segment.mean() == pytest.approx(0.3, abs=0.04)
    assert add_label_noise(task, 0.0, NUM_PDFS, 1) is task


@pytest.mark.parametrize(
    ("loss", "accuracy", "diverged"),
    [(1.0, 0.5, False), (9.0, 0.5, False), (1.0, 0.1, True), (None, 0.5, True)],
)
def test_divergence(loss: float | None, accuracy: float, diverged: bool) -> None:
    assert has_diverged({"held_out_loss": loss, "frame_accuracy": accuracy}, 0.2) == diverged


def test_what_is_finished_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Alone:
        """Runs what is submitted at once."""

        def __init__(self, *_: Any) -> None:
            pass

        def __enter__(self) -> Alone:
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def submit(self, function: Any, *arguments: Any) -> Any:
            from concurrent.futures import Future

            future: Any = Future()
            future.set_result(function(*arguments))
            return future

    def fake(one: Cell, _: Any) -> dict[str, Any]:
        made.append(one.seed)
        return {"run_id": one.run_id, "seed": one.seed}

    monkeypatch.setattr(batch, "ProcessPoolExecutor", Alone)
    monkeypatch.setattr(batch, "run_cell", fake)
    monkeypatch.setattr(batch, "_inputs", lambda _: None)
    (tmp_path / "toy").mkdir()
    cells = [cell(seed) for seed in (1, 2, 2, 3)]
    assert run_batch(cells[:2], tmp_path, tmp_path / "out", jobs=2) == 2
    assert [c.seed for c in missing(cells, tmp_path / "out")] == [3]
    assert run_batch(cells, tmp_path, tmp_path / "out", jobs=2) == 1
    assert made == [1, 2, 3]
    assert {result["seed"] for result in read_results(tmp_path / "out")} == {1, 2, 3}
    assert run_batch([cell(9)], tmp_path, tmp_path / "out", jobs=1, deadline=-1.0) == 0
    with pytest.raises(UserError, match="collect the study's inputs first"):
        run_batch([cell(1, inputs="none")], tmp_path, tmp_path / "out", jobs=1)


def test_the_same_cell_gives_the_same_result() -> None:
    one, two = (run_cell(cell(), toy_inputs()) for _ in range(2))
    assert one["epochs"] == two["epochs"]
