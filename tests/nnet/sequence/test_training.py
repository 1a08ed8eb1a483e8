"""Sequence training from a cross-entropy network: it lowers its loss, and goes on when killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.bin import train_sequence
from pipeline.config import NnetOptions
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.model_files import load_model
from pipeline.nnet.sequence.criterion import SequenceCriterion
from pipeline.nnet.targets import hold_out
from pipeline.nnet.train import train
from tests.nnet.sequence.test_criterion import phones_of
from tests.nnet.test_programs import write_set
from tests.nnet.toy_data import options
from tests.nnet.toy_speech import toy_speech

REPOSITORY = Path(__file__).parents[3]
SPEECH = toy_speech(40, spread=1.0)
MODEL = {"num_layers": 1, "hidden_dim": 12, "dropout": 0.1}


def sequence_options(kind: str) -> NnetOptions:
    chosen = options(
        model=MODEL,
        training={"num_epochs": 8, "batch_frames": 200, "checkpoint_steps": 3},
        clipping={"method": "norm", "threshold": 0.05},
    )
    changes = {"sequence": {"start": "lstm", "criterion": kind, "cross_entropy_scale": 0.05}}
    return NnetOptions.model_validate({**chosen.model_dump(), **changes})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features, alignment, hmm.json, and a network in lstm/."""
    folder = tmp_path_factory.mktemp("stage")
    settings = options(model=MODEL, training={"num_epochs": 3, "batch_frames": 200})
    train(SPEECH.training, SPEECH.hmm.num_pdfs, settings, 1, folder / "lstm")
    SPEECH.hmm.save(folder / "hmm.json")
    features = SPEECH.features
    write_set(folder, features)
    spans = zip(features.offsets[:-1], features.offsets[1:], strict=True)
    blocks = [SPEECH.transition_ids[low:high] for low, high in spans]
    pairs = list(zip(features.utterance_ids, blocks, strict=True))[1:]
    write_int_vectors(folder / "ali.ark", folder / "ali.scp", pairs)
    return folder


def arguments(stage: Path, out: Path, kind: str = "mmi", **changes: object) -> list[str]:
    given = {
        "cuts": stage / "cuts.jsonl.gz",
        "cmvn": stage / "cmvn.ark",
        "alignment": stage / "ali.scp",
        "hmm": stage / "hmm.json",
        "start-dir": stage / "lstm",
        "options": sequence_options(kind).model_dump_json(),
        "output-dir": out,
        **changes,
    }
    return [str(part) for name, value in given.items() for part in (f"--{name}", value)]


@pytest.mark.parametrize("kind", ["mmi", "smbr"])
def test_the_loss_of_unheard_utterances_falls(kind: str, stage: Path, tmp_path: Path) -> None:
    train_sequence.main(arguments(stage, tmp_path, kind))
    assert (tmp_path / "hmm.json").read_bytes() == (stage / "hmm.json").read_bytes()
    training = SPEECH.training.select(list(range(1, 40)))
    names = training.features.utterance_ids
    held = [i for i, out in enumerate(hold_out(names, 0.1, 1)) if out]
    kept = training.select(held)
    settings = sequence_options(kind).sequence
    assert settings is not None
    losses, phones = [], phones_of(SPEECH)
    del phones[SPEECH.features.utterance_ids[0]]  # it has no alignment
    for folder in (stage / "lstm", tmp_path):
        model = load_model(folder)
        criterion = SequenceCriterion(settings, SPEECH.hmm, phones, model)
        store = FrameStore(kept.features, kept.pdfs)
        losses.append(criterion.evaluate(model.network, store, kept.features.utterance_ids)[0])
    assert losses[1] < 0.9 * losses[0]
    last = list(read_json_lines(tmp_path / "log.jsonl"))[-1]
    assert last["held_out_loss"] == pytest.approx(losses[1], rel=1e-4)
    steps = list(read_json_lines(tmp_path / "steps.jsonl"))
    assert any(step["clipped"] for step in steps)
    assert all(step["norm_after"] <= 0.05 * (1 + 1e-6) for step in steps)


KILLED = """
import os, signal, sys
from pipeline.bin import train_sequence

def kill_at(record):
    if record["step"] == 8:
        os.kill(os.getpid(), signal.SIGKILL)

original = train_sequence.train
train_sequence.train = lambda *a, **k: original(*a, **k, on_step=kill_at)
train_sequence.main(sys.argv[1:])
"""


def test_a_killed_training_goes_on_bit_for_bit(
    stage: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", KILLED, *arguments(stage, tmp_path / "killed")]
    done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed/model.json").exists()
    for way in ("killed", "whole"):
        train_sequence.main(arguments(stage, tmp_path / way))
        assert ("after step 6" in capfd.readouterr().err) == (way == "killed")
    for name in ("model.safetensors", "model.json", "steps.jsonl"):
        killed, whole = ((tmp_path / way / name).read_bytes() for way in ("killed", "whole"))
        assert killed == whole, name


def test_mistakes_are_told(stage: Path, tmp_path: Path) -> None:
    plain = options(model=MODEL).model_dump_json()
    with pytest.raises(UserError, match="no section sequence"):
        train_sequence.main(arguments(stage, tmp_path, options=plain))
    other = sequence_options("mmi").model_copy(update={"model": options().model})
    with pytest.raises(UserError, match="another network than --options"):
        train_sequence.main(arguments(stage, tmp_path, options=other.model_dump_json()))
