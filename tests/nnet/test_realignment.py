"""Alignment with a network: against every path of tiny input, and near a known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.bin import align_nnet
from pipeline.config import AlignOptions, ModelOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.archive import read_int_vectors
from pipeline.io.rejects import read_rejects
from pipeline.nnet import realignment
from pipeline.nnet.forward import forward
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.realignment import align_with_network
from pipeline.nnet.train import train
from tests.hmm.toy_hmm import all_paths, random_hmm, toy_lang
from tests.nnet.test_programs import write_set
from tests.nnet.toy_data import options
from tests.nnet.toy_speech import ToySpeech, toy_speech

TEXTS = ["ab", "ba", "c", "c c", "ab"]
LENGTHS = [6, 5, 4, 6, 1]  # the last one is too short for its transcript
WIDE = AlignOptions(beam=1e6, retry_beam=1e6, acoustic_scale=0.7, self_loop_scale=0.5)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_utterance_gets_its_best_path(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    lang = toy_lang()
    hmm = random_hmm(lang, rng, True, 1, 3)
    network = AcousticModel(ModelOptions(num_layers=1, hidden_dim=8), 4, hmm.num_pdfs).eval()
    with torch.no_grad():
        network.output.weight.mul_(20.0)  # posteriors that are far from uniform
    log_priors = torch.log_softmax(torch.randn(hmm.num_pdfs), 0)
    model = HybridModel(network, log_priors, 0.8)
    offsets = np.concatenate(([0], np.cumsum(LENGTHS))).astype(np.int64)
    frames = rng.normal(size=(int(offsets[-1]), 4)).astype(np.float32)
    names = [f"u{n}" for n in range(len(TEXTS))]
    features = FeatureSet(names, ["s"] * len(TEXTS), TEXTS, frames, offsets)
    likelihoods = dict(forward(model, features))
    scaled = hmm.transitions.scaled_log_probs(1.0, 0.5)

    monkeypatch.setattr(realignment, "CHUNK_VALUES", 10 * hmm.num_pdfs)
    parts = list(align_with_network(model, hmm, lang, features, features, WIDE))
    assert [part.measured.utterance_ids for part in parts] == [["u0", "u1"], ["u2", "u3"], ["u4"]]
    score = np.concatenate([part.score for part in parts])
    paths = {name: ids for part in parts for name, ids in part.good()}
    assert list(paths) == names[:-1]
    assert score[-1] == -np.inf
    for u, name in enumerate(names[:-1]):
        log_likes = 0.7 * likelihoods[name].astype(np.float64)
        every = all_paths(hmm, lang, TEXTS[u], log_likes, scaled)
        best = max(every.values())
        assert score[u] * LENGTHS[u] == pytest.approx(best, abs=1e-3)
        assert every[tuple(paths[name].tolist())] == pytest.approx(best, abs=1e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToySpeech, Path]:
    """Speech with a true alignment, and the folder of a network that learnt it."""
    speech = toy_speech(60)
    folder = tmp_path_factory.mktemp("net")
    train(
        speech.training,
        speech.hmm.num_pdfs,
        options(model={"num_layers": 1}, training={"num_epochs": 6, "batch_frames": 100}),
        1,
        folder,
    )
    speech.hmm.save(folder / "hmm.json")
    return speech, folder


def test_the_program_finds_the_truth_again(trained: tuple[ToySpeech, Path], tmp_path: Path) -> None:
    speech, model_dir = trained
    speech.lang.save(tmp_path / "lang")
    other = speech.features
    texts = [*other.texts[:-1], "CAB CAB CAB CAB CAB CAB CAB CAB"]  # too long for its frames
    write_set(
        tmp_path,
        FeatureSet(other.utterance_ids, other.speakers, texts, other.frames, other.offsets),
    )
    align_nnet.main(
        [
            *("--lang", str(tmp_path / "lang"), "--cuts", str(tmp_path / "cuts.jsonl.gz")),
            *("--cmvn", str(tmp_path / "cmvn.ark"), "--model-dir", str(model_dir)),
            *("--options", AlignOptions(beam=200, acoustic_scale=1).model_dump_json()),
            *("--output-dir", str(tmp_path / "alignment")),
        ]
    )
    found = dict(read_int_vectors(tmp_path / "alignment/transition_ids.scp"))
    names = other.utterance_ids
    assert list(found) == names[:-1]
    (reject,) = read_rejects(tmp_path / "alignment/rejected.tsv")
    assert reject.utterance_id == names[-1]
    lines = (tmp_path / "alignment/scores.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(names)
    assert lines[1].startswith(names[-1])
    assert lines[1].endswith("cannot be aligned: too short for its transcript")
    truth = speech.transition_ids[: other.offsets[-2]]
    got = np.concatenate([found[name] for name in names[:-1]])
    pdf_of = speech.hmm.transitions.pdf_of
    assert np.mean(pdf_of[got] == pdf_of[truth]) > 0.95
