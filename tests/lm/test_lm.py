"""LSTM language models: a distribution over the words, a known source, stopping and going on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.config import LmOptions
from pipeline.io.errors import UserError
from pipeline.lm.files import load_lm
from pipeline.lm.model import make_lm
from pipeline.lm.noise import NoiseSoftmax
from pipeline.lm.perplexity import perplexity, word_log_probs
from pipeline.lm.train import train_lm
from pipeline.nnet.progress import Quiet
from tests.hmm.toy_hmm import toy_lang

LANG = toy_lang([("A", 1.0, ["X"]), ("B", 1.0, ["Y"])])
SMALL: dict[str, Any] = {
    **{"embedding_dim": 8, "hidden_dim": 12, "num_layers": 2, "dropout": 0.0, "batch_size": 400},
    **{"held_out_fraction": 0.1, "warmup_steps": 5, "learning_rate": 0.01, "checkpoint_steps": 7},
}
# p(next | state) of a source: columns A, B, </s>; rows after <s>, after A, after B.
SOURCE = np.array([[0.5, 0.5, 0.0], [0.1, 0.7, 0.2], [0.8, 0.05, 0.15]])
RESULTS = ("model.safetensors", "model.json", "steps.jsonl")


def draw(number: int, seed: int) -> list[list[str]]:
    """Sentences of the source."""
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(number):
        words: list[str] = []
        state = 0
        while (state := 1 + int(rng.choice(3, p=SOURCE[state]))) < 3:
            words.append("AB"[state - 1])
        sentences.append(words)
    return sentences


def entropy_of_source() -> float:
    """Nats a word, </s> among the words: expected visits of each state times its entropy."""
    between = np.zeros((3, 3))
    between[:, 1:] = SOURCE[:, :2]
    visits = np.linalg.solve(np.eye(3) - between.T, [1.0, 0.0, 0.0])
    logs = np.log(np.where(SOURCE > 0, SOURCE, 1.0))
    return float(visits @ -(SOURCE * logs).sum(axis=1) / visits.sum())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("width", [8, 12])
def test_each_history_has_a_distribution_over_the_words(tied: bool, width: int) -> None:
    torch.manual_seed(3)
    model = make_lm(LmOptions(**SMALL | {"tie_weights": tied, "embedding_dim": width}), LANG)
    history = ["A", "B", "B"]
    total = 0.0
    for word in model.words:
        sentence = [*model.ids(history)[:-1], model.word_id[word]]
        (alone,) = model.log_probs([sentence])
        padded = model.log_probs([sentence, model.ids(["A"] * 9)])[0]
        assert torch.allclose(alone, padded, atol=1e-5)
        total += math.exp(alone[-1])
    assert total == pytest.approx(1.0, abs=1e-5)


def test_perplexity_approaches_that_of_a_known_source(tmp_path: Path) -> None:
    options = LmOptions(**SMALL | {"num_layers": 1, "batch_size": 100, "num_epochs": 5})
    model = train_lm(draw(4000, 1), LANG, options, 1, tmp_path)
    test = draw(3000, 2)
    found = perplexity(model, test)
    values = [value for sentence in word_log_probs(model, test) for value in sentence]
    assert found.num_words == len(values) == sum(map(len, test)) + len(test)
    assert found.perplexity == pytest.approx(math.exp(-math.fsum(values) / len(values)))
    assert found.perplexity == pytest.approx(math.exp(entropy_of_source()), rel=0.02)
    again = perplexity(load_lm(tmp_path), test)
    assert again == found


def test_noise_words_estimate_the_sum_over_all_words() -> None:
    torch.manual_seed(1)
    lang = toy_lang([(f"W{i:02}", 1.0, ["X", *["Y"] * i]) for i in range(40)])
    model = make_lm(LmOptions(**SMALL), lang)
    hidden, words = torch.randn(6, 8), torch.arange(0, 36, 6)
    counts = torch.arange(1, len(model.words) + 1).float()
    exact = functional.cross_entropy(model.logits(hidden), words)
    few = NoiseSoftmax(counts, 20)
    # exp(loss) of one word is its share's inverse: linear in the sum, so its mean is exact.
    for row, word in zip(hidden, words, strict=True):
        one, target = row.unsqueeze(0), word.unsqueeze(0)
        inverse = functional.cross_entropy(model.logits(one), target).exp().detach()
        drawn = torch.stack([few(model, one, target).exp() for _ in range(4000)]).detach()
        error = float(drawn.std()) / math.sqrt(len(drawn))
        assert error > 0.0
        assert float(drawn.mean()) == pytest.approx(float(inverse), abs=5.0 * error)
    everything = NoiseSoftmax(counts, None)(model, hidden, words)
    assert float(everything.detach()) == pytest.approx(float(exact.detach()))


class _Stopping(Quiet):
    """Ends the training after so many steps, as a kill would."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def advance(self, epoch: int, done: float, frames: int, loss: float) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["norm", "zclip", "time_step"])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path: Path, method: str) -> None:
    clipping = {"method": method, "threshold": 0.05 if method != "zclip" else 1.0}
    options = LmOptions(
        **SMALL | {"dropout": 0.3, "num_noise_words": 2, "num_epochs": 3, "clipping": clipping}
    )
    text = draw(400, 4)
    train_lm(text, LANG, options, 1, tmp_path / "whole")
    for steps in (9, 13):
        with pytest.raises(KeyboardInterrupt):
            train_lm(text, LANG, options, 1, tmp_path / "killed", _Stopping(steps))
    train_lm(text, LANG, options, 1, tmp_path / "killed")
    for name in RESULTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    train_lm(text, LANG, options, 2, tmp_path / "other")
    weights = [(tmp_path / name / RESULTS[0]).read_bytes() for name in ("whole", "other")]
    assert weights[0] != weights[1]
    if method == "norm":
        assert '"clipped": true' in (tmp_path / "whole/steps.jsonl").read_text("utf-8")


def test_what_cannot_be_trained_or_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 sentence\(s\)"):
        train_lm([["A"]], LANG, LmOptions(**SMALL), 1, tmp_path)
    with pytest.raises(UserError, match="no language model"):
        load_lm(tmp_path)
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        load_lm(tmp_path)
