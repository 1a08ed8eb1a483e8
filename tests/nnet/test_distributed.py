"""Training in several processes: the same steps as in one, and on they go when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.batches import IGNORED, FrameStore
from pipeline.nnet.distributed import Processes, _child, run_processes
from pipeline.nnet.measures import batch_loss, frames_in_loss
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import load_model
from pipeline.nnet.train import train
from tests.nnet.test_train import REPOSITORY
from tests.nnet.toy_data import DIM, NUM_PDFS, options, toy_task


def toy_options(num_processes: int) -> Any:
    """Batches of a few utterances, the last of an epoch with one; clipping that acts."""
    return options(
        model={"num_layers": 1, "hidden_dim": 12, "frame_subsampling": 2},
        training={
            "num_epochs": 3,
            "batch_frames": 90,
            "num_processes": num_processes,
            "checkpoint_steps": 5,
        },
        clipping={"threshold": 0.2},
        augment={"time_masks": 1, "time_mask_frames": 3},
    )


def train_toy(processes: Processes, folder: Path, stop: int) -> None:
    """Train; the first process is killed after step `stop`, if that is not 0."""

    def kill_at(record: dict[str, Any]) -> None:
        if record["step"] == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = toy_options(processes.count)
    train(toy_task()[0], NUM_PDFS, settings, 1, folder, on_step=kill_at, processes=processes)


def test_shares_of_a_batch_are_its_utterances() -> None:
    task, _ = toy_task(5)
    store = FrameStore(task.features, task.pdfs, target_delay=1)
    batch = store.pad([3, 0, 4, 1, 2])
    found: list[int] = []
    for rank in range(2):
        share, items = Processes(rank, 2).share(batch, [3, 0, 4, 1, 2])
        assert share.features.shape[1] == batch.features.shape[1]
        for row, i in enumerate(items):
            length = int(share.lengths[row])
            torch.testing.assert_close(
                share.features[row, : length - 1], torch.tensor(task.features.utterance(i))
            )
            assert int((share.targets[row] != IGNORED).sum()) == length - 1
        assert share.num_frames == sum(store.num_frames[i] for i in items)
        found += items
    assert sorted(found) == [0, 1, 2, 3, 4]
    share, items = Processes(2, 3).share(store.pad([1, 0]), [1, 0])
    assert (share.num_frames, items) == (0, [1])
    assert (share.targets == IGNORED).all()


def test_weighted_gradients_of_the_shares_add_up() -> None:
    """Against autograd on the whole batch; frame subsampling leaves shares of unequal blocks."""
    torch.manual_seed(0)
    task, _ = toy_task(7)
    settings = toy_options(1)
    model = AcousticModel(settings.model, DIM, NUM_PDFS).double()
    store = FrameStore(task.features, task.pdfs)
    batch = store.pad(list(range(7)))
    batch = type(batch)(batch.features.double(), batch.lengths, batch.targets, batch.num_frames)
    whole = torch.autograd.grad(batch_loss(model, batch, epoch=1), list(model.parameters()))
    summed = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for rank in range(3):
        share, _ = Processes(rank, 3).share(batch, list(range(7)))
        weight = frames_in_loss(model, share, 1) / frames_in_loss(model, batch, 1)
        loss = weight * batch_loss(model, share, epoch=1)
        parts = torch.autograd.grad(loss, list(model.parameters()))
        summed = [total + part for total, part in zip(summed, parts, strict=True)]
    for total, gradient in zip(summed, whole, strict=True):
        torch.testing.assert_close(total, gradient)


def fail(processes: Processes, reason: str) -> None:
    """Alone in its group, a process can still speak to all."""
    assert processes.of_first(lambda: [1.0, 2.0]) == [1.0, 2.0]
    assert processes.sum(0.25) == 0.25
    processes.wait_for_all()
    raise UserError(reason)


def test_the_first_process_tells_an_error_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        _child(0, fail, ("no such file",), 1, (tmp_path / "meeting").as_uri())
    assert capsys.readouterr().err == "error: no such file\n"
    assert not torch.distributed.is_initialized()
    with pytest.raises(UserError, match="no such file"):
        run_processes(fail, ("no such file",), 1)


def test_a_program_of_one_process_does_not_ignore_the_number(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="trained by one process; use 1"):
        train(toy_task()[0], NUM_PDFS, toy_options(2), 1, tmp_path)


SCRIPT = """
import sys
from pathlib import Path
from pipeline.nnet.distributed import run_processes
from tests.nnet.test_distributed import train_toy

if __name__ == "__main__":
    run_processes(train_toy, (Path(sys.argv[1]), int(sys.argv[2])), 2)
"""


def test_two_processes_train_as_one_even_when_killed_between(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(SCRIPT, encoding="utf-8")
    for stop in (8, 0):
        done = subprocess.run(
            [sys.executable, str(script), str(tmp_path / "two"), str(stop)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == (stop == 0), done.stderr
        assert (tmp_path / "two/model.json").exists() == (stop == 0)
    train_toy(Processes(), tmp_path / "one", 0)
    one, two = (list(read_json_lines(tmp_path / n / "steps.jsonl")) for n in ("one", "two"))
    assert len(one) == len(two) > 15
    assert any(step["clipped"] for step in one)
    for single, double in zip(one, two, strict=True):
        assert double["frames"] == single["frames"]
        assert double["loss"] == pytest.approx(single["loss"], rel=1e-3)
        assert double["norm_before"] == pytest.approx(single["norm_before"], rel=1e-2)
    models = [load_model(tmp_path / name).network.state_dict() for name in ("one", "two")]
    for name, tensor in models[0].items():
        torch.testing.assert_close(models[1][name], tensor, rtol=1e-2, atol=1e-3)
