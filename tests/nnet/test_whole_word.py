"""Whole words: targets, results by hand, a network that learns which word came, both programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import norm
from torch.nn import functional

from pipeline.config import WholeWordOptions
from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.io.rejects import read_rejects
from pipeline.nnet.batches import IGNORED, FrameStore
from pipeline.nnet.measures import batch_loss, evaluate
from pipeline.nnet.train import train
from pipeline.nnet.whole_word import (
    accuracy_interval,
    classify,
    make_word_set,
    whole_word_results,
)
from tests.nnet.test_model import make
from tests.nnet.toy_data import DIM, feature_set

REPOSITORY = Path(__file__).parents[2]
WORDS = ["FALL", "FLAT", "RISE"]


def spoken(num_utterances: int, seed: int = 0) -> FeatureSet:
    """Words that only a memory can tell apart: the first frames decide, noise follows."""
    rng = np.random.default_rng(seed)
    lengths = [int(n) for n in rng.integers(6, 12, num_utterances)]
    features = feature_set(lengths, seed=seed)
    texts = [WORDS[i % 3] for i in range(num_utterances)]
    for i, text in enumerate(texts):
        start = features.offsets[i]
        features.frames[start : start + 2, WORDS.index(text)] += 5.0
    speakers = ["ann" if i % 2 else "bob" for i in range(num_utterances)]
    return FeatureSet(features.utterance_ids, speakers, texts, features.frames, features.offsets)


def word_options(**clipping: Any) -> WholeWordOptions:
    return WholeWordOptions.model_validate(
        {
            "model": {"type": "drnn", "hidden_dim": 24, "num_layers": 1},
            "training": {
                "num_epochs": 15,
                "batch_frames": 100,
                "warmup_steps": 5,
                "learning_rate": 1e-2,
                "checkpoint_steps": 5,
            },
            "clipping": clipping,
        }
    )


def test_targets_stand_at_last_frames_of_single_words() -> None:
    features = spoken(6)
    features.texts[1] = "RISE FALL"
    features.texts[3] = ""
    training, words = make_word_set(features, "cuts")
    assert words == WORDS
    assert [reject.utterance_id for reject in training.rejects] == ["u001", "u003"]
    assert training.rejects[0].reason.startswith("2 words")
    assert training.features.texts == ["FALL", "RISE", "FLAT", "RISE"]
    offsets = training.features.offsets
    for i, text in enumerate(training.features.texts):
        *before, last = training.pdfs[offsets[i] : offsets[i + 1]].tolist()
        assert last == words.index(text)
        assert set(before) == {IGNORED}


def test_one_word_is_not_enough() -> None:
    features = spoken(4)
    features.texts[:] = ["RISE", "RISE", "A B", "RISE"]
    with pytest.raises(UserError, match="3 of 4 utterances are a single word, 1 different"):
        make_word_set(features, "cuts")


@pytest.mark.parametrize("delay", [0, 2])
def test_the_loss_is_that_of_last_frames(delay: int) -> None:
    model = make(type="drnn", target_delay=delay)
    training, _ = make_word_set(spoken(6), "cuts")
    store = FrameStore(training.features, training.pdfs, delay)
    losses, right = [], 0
    for i in range(6):
        alone = store.pad([i])
        logits = model(alone.features, alone.lengths)[0, -1]
        target = training.pdfs[training.features.offsets[i + 1] - 1]
        losses.append(functional.cross_entropy(logits, torch.tensor(target)).item())
        right += int(logits.argmax() == target)
    expected = pytest.approx(sum(losses) / 6, rel=1e-5)
    assert batch_loss(model, store.pad(range(6))).item() == expected
    assert evaluate(model, store) == (expected, right / 6)


@pytest.mark.parametrize(("method", "threshold"), [("norm", 5.0), ("value", 0.1), ("none", None)])
def test_a_drnn_learns_what_came_first(
    method: str, threshold: float | None, tmp_path: Path
) -> None:
    clipping = {"method": method} | ({} if threshold is None else {"threshold": threshold})
    training, words = make_word_set(spoken(60), "cuts")
    model = train(training, len(words), word_options(**clipping), 1, tmp_path)
    log = list(read_json_lines(tmp_path / "log.jsonl"))
    assert log[-1]["loss"] < 0.3 * log[0]["loss"]
    test = spoken(45, seed=1)
    results = whole_word_results(test, classify(model, test, words), words)
    assert results["accuracy"] > 90.0


class Stop(Exception):
    """Ends a training in the middle."""


def test_a_training_that_was_stopped_ends_with_the_same_bytes(tmp_path: Path) -> None:
    def stop(record: dict[str, Any]) -> None:
        if record["step"] == 13:
            raise Stop

    training, words = make_word_set(spoken(30), "cuts")
    with pytest.raises(Stop):
        train(training, len(words), word_options(), 1, tmp_path / "stopped", on_step=stop)
    train(training, len(words), word_options(), 1, tmp_path / "stopped")
    train(training, len(words), word_options(), 1, tmp_path / "whole")
    for name in ("model.safetensors", "model.json", "steps.jsonl"):
        stopped, whole = ((tmp_path / way / name).read_bytes() for way in ("stopped", "whole"))
        assert stopped == whole, name


def test_results_by_hand() -> None:
    features = spoken(6)  # FALL FLAT RISE FALL FLAT RISE, of bob and ann in turn
    features.texts[5] = "NEVER"
    found = [("FALL", -0.1), ("RISE", -0.3), ("RISE", -0.2), ("FALL", -0.4), ("RISE", -0.2)]
    results = whole_word_results(features, [*found, ("FALL", -0.9)], WORDS)
    assert (results["correct"], results["utterances"], results["accuracy"]) == (3, 6, 50.0)
    assert results["confusions"] == [
        {"reference": "FALL", "hypothesis": "FALL", "count": 2},
        {"reference": "FLAT", "hypothesis": "RISE", "count": 2},
        {"reference": "NEVER", "hypothesis": "FALL", "count": 1},
        {"reference": "RISE", "hypothesis": "RISE", "count": 1},
    ]
    assert results["speakers"] == [
        {"speaker": "ann", "utterances": 3, "correct": 1},
        {"speaker": "bob", "utterances": 3, "correct": 2},
    ]
    assert [row["utterance_id"] for row in results["wrong"]] == ["u004", "u001", "u005"]


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (7, 10), (290, 300), (5, 5)])
def test_wilson_interval_inverts_the_score_test(correct: int, total: int) -> None:
    z = norm.ppf(0.975)
    share = correct / total
    for bound in accuracy_interval(correct, total):
        p = bound / 100.0
        # At an end of the interval the score test is just at its border.
        assert abs(share - p) == pytest.approx(z * (p * (1 - p) / total) ** 0.5, abs=1e-6)


def test_options_that_lose_the_last_frame() -> None:
    with pytest.raises(ValidationError, match="frame_subsampling"):
        WholeWordOptions.model_validate({"model": {"frame_subsampling": 3}})
    with pytest.raises(ValidationError, match="masks only"):
        WholeWordOptions.model_validate({"augment": {"speed_factors": [0.9]}})


def write_stage(folder: Path, features: FeatureSet) -> None:
    """Features, cuts and CMVN of a set as earlier stages leave them."""
    folder.mkdir()
    blocks = [features.utterance(i) for i in range(features.num_utterances)]
    pairs = zip(features.utterance_ids, blocks, strict=True)
    write_matrices(folder / "feats.ark", folder / "feats.scp", pairs)
    lines = (folder / "feats.scp").read_text().splitlines()
    places = dict(line.split(maxsplit=1) for line in lines)
    write_json_lines(
        folder / "cuts.jsonl.gz",
        [
            {
                "id": name,
                "supervisions": [{"speaker": features.speakers[i], "text": features.texts[i]}],
                "features": {
                    "num_frames": len(blocks[i]),
                    "num_features": DIM,
                    "storage_path": places[name],
                },
            }
            for i, name in enumerate(features.utterance_ids)
        ],
    )
    stats = compute_cmvn(features.frames, features.offsets, features.speakers)
    write_cmvn(folder / "cmvn.ark", stats)


def run(program: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"pipeline.bin.{program}"]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)


def test_both_programs(tmp_path: Path) -> None:
    train_features = spoken(61)
    train_features.texts[60] = "RISE AND FALL"
    write_stage(tmp_path / "train", train_features)
    write_stage(tmp_path / "test", spoken(30, seed=1))
    cuts, cmvn = (tmp_path / "train" / name for name in ("cuts.jsonl.gz", "cmvn.ark"))
    model = tmp_path / "model"
    options = word_options().model_dump_json()
    done = run("train_whole_word", cuts=cuts, cmvn=cmvn, options=options, output_dir=model)
    assert done.returncode == 0, done.stderr
    assert "1 of 61 utterances are not a single word" in done.stderr
    assert [reject.utterance_id for reject in read_rejects(model / "rejected.tsv")] == ["u060"]
    assert (model / "words.txt").read_text().split() == WORDS
    cuts, cmvn = (tmp_path / "test" / name for name in ("cuts.jsonl.gz", "cmvn.ark"))
    output = tmp_path / "results.json"
    done = run("score_whole_word", cuts=cuts, cmvn=cmvn, model_dir=model, output=output)
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    assert results["accuracy"] > 80.0
    assert f"{results['correct']} of 30 words correct" in done.stderr
    (model / "words.txt").write_text("FALL\n")
    done = run("score_whole_word", cuts=cuts, cmvn=cmvn, model_dir=model, output=output)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "words.txt: 1 words for 3 outputs; train again" in done.stderr
