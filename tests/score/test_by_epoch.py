"""WER by epoch: against trainings of fewer epochs, decoded and scored by the other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.bin import nnet_loglikes, score, wer_by_epoch
from pipeline.config import GrammarOptions, GraphOptions
from pipeline.data.copies import original_name
from pipeline.decode.decode import decode_files
from pipeline.decode.inputs import SearchGraph
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.options import SearchOptions
from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.gmm.transform import FeatureTransform, adapt_features
from pipeline.graph.compile import make_graph
from pipeline.graph.grammar import grammar_fst
from pipeline.graph.openfst import write_fst
from pipeline.io.archive import write_matrices
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.nnet.targets import TrainingSet, hold_out
from pipeline.nnet.train import train
from tests.nnet.test_programs import write_set
from tests.nnet.toy_data import options
from tests.nnet.toy_speech import DIM, ToySpeech, toy_speech

DECODE = '{"lm_weight": 1.0, "insertion_penalty": 0.5}'
SEED = 3


def with_copies(features: FeatureSet) -> FeatureSet:
    """The set, and a warped copy of each utterance (the same frames)."""
    return FeatureSet(
        features.utterance_ids + [f"vtln0.9-{name}" for name in features.utterance_ids],
        features.speakers + [f"vtln0.9-{name}" for name in features.speakers],
        features.texts * 2,
        np.concatenate([features.frames] * 2),
        np.concatenate([features.offsets, features.offsets[1:] + features.num_frames]),
    )


def write_graph(speech: ToySpeech, folder: Path) -> None:
    graph = make_graph(
        speech.lang, grammar_fst(speech.lang, GrammarOptions(type="loop")), speech.hmm,
        GraphOptions(),
    )  # fmt: skip
    write_fst(folder / "HCLG.fst", graph.fst, "const")
    (folder / "graph.json").write_text(json.dumps(graph.summary))
    speech.lang.save(folder / "lang")


@pytest.mark.parametrize("adapted", [False, True])
def test_every_epoch_is_scored_on_the_held_out_originals(adapted: bool, tmp_path: Path) -> None:
    speech = toy_speech(24, spread=0.6)
    write_set(tmp_path, with_copies(speech.features))
    write_graph(speech, tmp_path)
    features = load_feature_set(tmp_path / "cuts.jsonl.gz", tmp_path / "cmvn.ark", False)
    adaptation: list[str] = []
    if adapted:
        transform, fmllr = tmp_path / "transform.safetensors", tmp_path / "fmllr.ark"
        FeatureTransform(delta_order=0).save(transform)
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(DIM, DIM)))[0]
        matrix = np.hstack([3.0 * turn, np.full((DIM, 1), 5.0)]).astype(np.float32)
        write_matrices(
            fmllr, tmp_path / "fmllr.scp", [(name, matrix) for name in ("s", "vtln0.9-s")]
        )
        adaptation = ["--transform", str(transform), "--fmllr", str(fmllr)]
        features = adapt_features(features, transform, fmllr)
    pdfs = np.tile(speech.training.pdfs, 2)

    def network(num_epochs: int, **more: bool) -> Path:
        settings = {
            "num_epochs": num_epochs, "schedule": "constant", "learning_rate": 2e-2,
            "held_out_fraction": 0.3, **more,
        }  # fmt: skip
        folder = tmp_path / f"net{num_epochs}"
        training = TrainingSet(features, pdfs, [])
        train(training, speech.hmm.num_pdfs, options(training=settings), SEED, folder)
        return folder

    # The first epochs of a training at a constant rate are a shorter training.
    kept = network(3, wer_epochs=True)
    wer_by_epoch.main(
        [
            *("--model-dir", str(kept), "--epochs-dir", str(kept / "epochs")),
            *("--cuts", str(tmp_path / "cuts.jsonl.gz"), "--cmvn", str(tmp_path / "cmvn.ark")),
            *("--graph", str(tmp_path / "HCLG.fst"), *adaptation),
            *("--words", str(tmp_path / "lang/words.txt"), "--options", DECODE),
            *("--output", str(kept / "wer_by_epoch.json")),
        ]
    )
    found = json.loads((kept / "wer_by_epoch.json").read_text())
    ids = features.utterance_ids
    held = {
        name
        for name, held in zip(ids, hold_out(ids, 0.3, SEED), strict=True)
        if held and original_name(name) == name
    }
    assert found["utterances"] == len(held) == round(0.3 * len(ids) / 2)
    assert [row["epoch"] for row in found["epochs"]] == [1, 2, 3]

    cuts = tmp_path / "held_out.jsonl.gz"
    every = read_json_lines(tmp_path / "cuts.jsonl.gz")
    write_json_lines(cuts, [cut for cut in every if cut["id"] in held])
    search_options = SearchOptions.from_json(DECODE)
    graph = SearchGraph.read(tmp_path / "HCLG.fst", tmp_path / "lang/words.txt")
    for row, folder in zip(found["epochs"], [network(1), network(2), kept], strict=True):
        scp = folder / "loglikes.scp"
        nnet_loglikes.main(
            [
                *("--cuts", str(cuts), "--cmvn", str(tmp_path / "cmvn.ark"), *adaptation),
                *("--model-dir", str(folder), "--output-scp", str(scp)),
                *("--output-ark", str(folder / "loglikes.ark")),
            ]
        )
        decode_files(KaldiSearch(graph, search_options), graph, scp, search_options, folder)
        hypotheses = str(folder / "hypotheses.jsonl")
        score.main(
            [
                *("--hypotheses", hypotheses, "--cuts", str(cuts), "--options", DECODE),
                *("--output-dir", str(folder)),
            ]
        )
        fixed = json.loads((folder / "wer.json").read_text())["fixed"]
        assert {name: row[name] for name in ("wer", "errors", "words")} == {
            name: fixed[name] for name in ("wer", "errors", "words")
        }
    assert len({row["errors"] for row in found["epochs"]}) > 1  # it does tell epochs apart
