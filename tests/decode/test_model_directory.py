"""What is exported together: networks, rungs that adapt, normalisation; and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import ModelOptions
from pipeline.decode.model_directory import open_model
from pipeline.decode.recogniser import SPEAKER, Recogniser
from pipeline.decode.transcribe import transcribe
from pipeline.features.cmvn import write_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.model import GmmModel
from pipeline.io.errors import UserError
from pipeline.nnet.forward import forward
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, load_model, save_model
from tests.decode.tone_model import FEATURES, RATE, audio, export, export_tone_model

MANY = ["LOW", "HIGH", "HIGH", "LOW"] * 6  # 7 s of speech, enough for fMLLR


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tone model, and its rung as a speaker-adapted one in sat/."""
    folder = tmp_path_factory.mktemp("tones")
    export_tone_model(folder)
    rung = GmmModel.load(folder / "gmm")
    replace(rung, speaker_independent=rung.gmm).save(folder / "sat")
    return folder


def network(made: Path, folder: Path, feature_dim: int, features: str) -> Path:
    """An untrained network for the tone model's HMM."""
    gmm_pdfs = open_model(made / "export").folder / "graph/graph.json"
    num_pdfs = json.loads(gmm_pdfs.read_text())["num_pdfs"]
    torch.manual_seed(1)
    model = AcousticModel(ModelOptions(hidden_dim=8, num_layers=1), feature_dim, num_pdfs)
    training = {"options": {"features": features}}
    save_model(folder, HybridModel(model, torch.zeros(num_pdfs), 1.0), training)
    shutil.copyfile(made / "gmm/hmm.json", folder / "hmm.json")
    return folder


def test_a_network_is_exported_too(made: Path, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    exported = export(made, network(made, tmp_path / "net", 13, "cepstra"), "export_net")
    assert exported.kind == "nnet"
    samples, _ = audio(["HIGH"], lead=0.1)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    found = transcribe(tmp_path / "a.wav", Recogniser.open(exported.folder))
    assert {word.word for word in found.words} <= {"LOW", "HIGH"}


def test_what_does_not_belong_together_is_not_exported(made: Path, tmp_path: Path) -> None:
    for dim, features, said in ((40, "fmllr", "fmllr"), (20, "cepstra", "20 values a frame")):
        folder = tmp_path / str(dim)
        folder.mkdir()
        with pytest.raises(UserError, match=said):
            export(made, network(made, folder, dim, features), f"export_{dim}")
    (tmp_path / "40/model.safetensors").unlink()
    with pytest.raises(UserError, match=r"gmm.safetensors: no such file"):
        export(made, tmp_path / "40", "export_none")
    with pytest.raises(UserError, match="holds other files"):
        export(made, made / "gmm", "lang")


def test_a_rung_that_is_not_the_networks_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    net = network(made, tmp_path / "net", 13, "fmllr")
    with pytest.raises(UserError, match="not the speaker-adapted rung"):
        export(made, net, "refused", rung=made / "gmm")
    other = tmp_path / "other"
    shutil.copytree(made / "sat", other)
    hmm = json.loads((other / "hmm.json").read_text())
    (other / "hmm.json").write_text(json.dumps(hmm, indent=3))
    with pytest.raises(UserError, match="not the speaker-adapted rung"):
        export(made, net, "refused", rung=other)
    (tmp_path / "cepstra").mkdir()
    cepstra = network(made, tmp_path / "cepstra", 13, "cepstra")
    with pytest.raises(UserError, match="reads cepstra"):
        export(made, cepstra, "refused", rung=made / "sat")


def test_fmllr_undoes_what_a_speaker_does_to_the_features(made: Path, tmp_path: Path) -> None:
    """Frames are bent by a known affine map; adapted, they are as likely as the straight ones."""
    recogniser = Recogniser.open(export(made, made / "sat", "export_sat").folder)
    straight = recogniser.extract(audio(MANY)[0].astype(np.float32))
    spoken = straight[:, 0] > straight[:, 0].mean()
    rng = np.random.default_rng(1)
    dim = straight.shape[1]
    bend = np.eye(dim) * 0.8 + rng.normal(0, 0.03, (dim, dim))
    bent = (straight @ bend.T + rng.normal(0, 1, dim)).astype(np.float32)

    def score(frames: np.ndarray, adapted: bool) -> float:
        stats = recogniser.statistics(frames)
        transforms = recogniser.adapt([frames[:900], frames[900:]], stats) if adapted else {}
        found = recogniser.log_likelihoods(frames, stats, transforms)
        log_det = np.linalg.slogdet(transforms[SPEAKER][:, :-1])[1] if adapted else 0.0
        return float(found[spoken].max(axis=1).mean() + log_det)  # silence teaches nothing

    bend_log_det = float(np.linalg.slogdet(bend)[1])
    assert score(bent, adapted=True) > score(bent, adapted=False) + 1.0
    # Densities of bent frames are lower by the log-determinant of the bend.
    assert score(bent, adapted=True) == pytest.approx(
        score(straight, adapted=True) - bend_log_det, abs=0.3
    )


def test_a_network_reads_what_the_rung_makes_of_a_file(made: Path, tmp_path: Path) -> None:
    """Its log-likelihoods are those of the network alone on frames adapted by hand."""
    (tmp_path / "net").mkdir()
    net = network(made, tmp_path / "net", 13, "fmllr")
    exported = export(made, net, "export_adapted", rung=made / "sat")
    assert exported.kind == "adapted_nnet"
    assert open_model(exported.folder) == exported
    recogniser = Recogniser.open(exported.folder)
    samples, _ = audio(MANY)
    frames = recogniser.extract(samples.astype(np.float32))
    transforms = recogniser.adapt([frames], recogniser.statistics(frames))
    (matrix,) = transforms.values()
    moved = (frames - frames.mean(axis=0)) @ matrix[:, :-1].T + matrix[:, -1]
    offsets = np.array([0, len(frames)])
    features = FeatureSet(["u"], [SPEAKER], [""], moved.astype(np.float32), offsets)
    ((_, expected),) = forward(load_model(net), features)
    found = recogniser.log_likelihoods(frames, recogniser.statistics(frames), transforms)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert (
        np.abs(found - recogniser.log_likelihoods(frames, recogniser.statistics(frames))).max()
        > 0.01
    )
    assert recogniser.adapt([], recogniser.statistics(frames)) == {}
    assert recogniser.adapt([frames[:60]], recogniser.statistics(frames)) == {}  # too little


def test_variances_are_normalised_as_in_training(made: Path) -> None:
    """Standardised frames, which plain normalisation leaves alone, give the same."""
    plain = Recogniser.open(made / "export")
    features = FEATURES.model_copy(update={"norm_vars": True})
    standard = Recogniser.open(export(made, made / "gmm", "export_vars", features).folder)
    frames = plain.extract(audio(["LOW", "HIGH"])[0].astype(np.float32))
    by_hand = ((frames - frames.mean(axis=0)) / frames.std(axis=0)).astype(np.float32)
    expected = plain.log_likelihoods(by_hand, plain.statistics(by_hand))
    twice = 2 * standard.statistics(frames)  # as of two equal segments
    found = standard.log_likelihoods(frames, twice)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


def test_a_recipes_model_is_packed(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "fsdd"
    shutil.copytree(made / "gmm", root / "official/mono")
    shutil.copytree(made / "lang", root / "lang")
    shutil.copytree(made / "graph", root / "official/graph/mono/loop")
    statistics = np.ones((2, 14))
    (root / "official/data/train").mkdir(parents=True)
    write_cmvn(root / "official/data/train/cmvn.ark", {"a": statistics, "b": 2 * statistics})
    arguments = ["pack", "fsdd", "mono", str(tmp_path / "packed"), "--set", f"output={root}"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "mono of official, grammar loop" in result.output
    packed = open_model(tmp_path / "packed")
    assert (packed.kind, packed.features.norm_vars) == ("gmm", True)
    assert packed.cmvn is not None
    assert packed.cmvn[:, :-1] == pytest.approx(3.0)
    assert packed.cmvn[:, -1].tolist() == [3.0, 1.0]  # frames; variances are normalised
    for wrong, said in (
        (["nothing"], "MODEL nothing: unknown; there are mono, "),
        (["mono", "--split", "x"], "--split x: unknown; there are official, theo"),
        (["mono", "--grammar", "x"], "--grammar x: unknown; there are g1, loop"),
        (["mono", "--grammar", "g1"], "HCLG.fst: not made yet; first: hybrid run fsdd"),
    ):
        model, *more = wrong
        arguments = ["pack", "fsdd", model, str(tmp_path / "x"), "--set", f"output={root}", *more]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        assert said in result.output
