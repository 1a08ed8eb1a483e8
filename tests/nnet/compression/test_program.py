"""compress_nnet on a toy stage: every section, and mistakes in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.bin import compress_nnet, quantize_nnet
from pipeline.config import NnetOptions
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.nnet.model_files import load_model
from pipeline.nnet.train import train
from tests.nnet.test_programs import write_set
from tests.nnet.toy_data import options
from tests.nnet.toy_speech import toy_speech

SPEECH = toy_speech(20, spread=1.0)
MODEL = {"num_layers": 1, "hidden_dim": 12}
SECTIONS: dict[str, dict[str, Any]] = {
    "distill": {"teacher": "lstm"},
    "quantize": {"start": "lstm", "aware": True},
    "prune": {"start": "lstm", "fraction": 0.5},
    "transfer": {"model_dir": "elsewhere"},
}


def chosen(section: str, model: dict[str, Any] = MODEL, **more: Any) -> NnetOptions:
    base = options(model=model, training={"num_epochs": 2, "batch_frames": 200})
    changes = {section: SECTIONS[section] | more} if section else {}
    return NnetOptions.model_validate({**base.model_dump(), **changes})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features, alignment, hmm.json, a network in lstm/ and the same in int8."""
    folder = tmp_path_factory.mktemp("stage")
    train(SPEECH.training, SPEECH.hmm.num_pdfs, chosen(""), 1, folder / "lstm")
    SPEECH.hmm.save(folder / "hmm.json")
    features = SPEECH.features
    write_set(folder, features)
    spans = zip(features.offsets[:-1], features.offsets[1:], strict=True)
    blocks = [SPEECH.transition_ids[low:high] for low, high in spans]
    pairs = list(zip(features.utterance_ids, blocks, strict=True))
    write_int_vectors(folder / "ali.ark", folder / "ali.scp", pairs)
    folders = ("--model-dir", folder / "lstm", "--output-dir", folder / "int8")
    quantize_nnet.main([str(part) for part in folders])
    return folder


def run(stage: Path, out: Path, settings: NnetOptions, source: str = "lstm") -> None:
    given = {
        "cuts": stage / "cuts.jsonl.gz",
        "cmvn": stage / "cmvn.ark",
        "alignment": stage / "ali.scp",
        "hmm": stage / "hmm.json",
        "source-dir": stage / source,
        "options": settings.model_dump_json(),
        "output-dir": out,
    }
    compress_nnet.main(
        [str(part) for name, value in given.items() for part in (f"--{name}", value)]
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_gives_a_network(section: str, stage: Path, tmp_path: Path) -> None:
    run(stage, tmp_path, chosen(section))
    network = load_model(tmp_path).network
    assert network.weights == {"quantize": "int8", "prune": "sparse"}.get(section, "float32")
    assert (tmp_path / "hmm.json").read_bytes() == (stage / "hmm.json").read_bytes()
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2


def test_fewer_units(stage: Path, tmp_path: Path) -> None:
    run(stage, tmp_path, chosen("prune", {**MODEL, "hidden_dim": 6}, units=True))
    assert load_model(tmp_path).network.options.hidden_dim == 6


@pytest.mark.parametrize(
    ("section", "model", "source", "said"),
    [
        ("", MODEL, "lstm", "no section distill, quantize, prune or transfer; use train_nnet"),
        ("prune", {**MODEL, "hidden_dim": 5}, "lstm", "another shape than --options"),
        ("prune", MODEL, "int8", "is int8, which is not trained on"),
        ("transfer", {**MODEL, "hidden_dim": 5}, "lstm", "another shape: hidden_dim"),
        ("distill", {**MODEL, "norm_vars": True}, "lstm", "differ in norm_vars"),
    ],
)
def test_mistakes_are_told_with_the_folder(
    section: str, model: dict[str, Any], source: str, said: str, stage: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        run(stage, tmp_path, chosen(section, model), source)
    assert str(stage / source) in str(caught.value)
    assert "\n" not in str(caught.value)
