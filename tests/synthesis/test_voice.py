"""A voice learns two vowels by the loop of the networks, speaks them, and says what it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import ModelOptions, SynthesisOptions
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.model import AcousticModel
from pipeline.synthesis.judge import prompts
from pipeline.synthesis.linguistic import Phone
from pipeline.synthesis.regression import Regression
from pipeline.synthesis.spoken import Recording, Spoken
from pipeline.synthesis.train import train_voice
from pipeline.synthesis.vocoder import LOG_F0, VOICED, Vocoder
from pipeline.synthesis.voice import Normalisation, Voice
from tests.align.toy_alignment import toy_lang
from tests.nnet.toy_data import feature_set
from tests.synthesis.test_vocoder import RATE, vowel

OPTIONS = SynthesisOptions.model_validate(
    {
        "alignment": "mono",
        "speakers": ["ann", "bob"],
        "model": {"type": "blstm", "num_layers": 1, "hidden_dim": 16},
        "training": {"num_epochs": 25, "batch_frames": 400, "learning_rate": 1e-2},
        "clipping": {"method": "norm", "threshold": 0.3},
        "judge": {"model": "mono", "grammar": "loop"},
    }
)
LANG: Lang = toy_lang()
PITCH = {"ann": 200.0, "bob": 110.0}


def spoken() -> list[Spoken]:
    """Each speaker's vowels, 8 times, as the first two phones that are no silence."""
    vocoder = Vocoder(RATE, OPTIONS.vocoder)
    first, second = LANG.nonsilence_phone_ids()[:2]
    items = []
    for speaker, pitch in PITCH.items():
        for n in range(8):
            f0 = pitch * (0.97 + 0.005 * n)
            parts = [vowel(f0, (700.0, 1200.0), 0.2), vowel(f0, (300.0, 2300.0), 0.2)]
            parameters = vocoder.analyse(np.concatenate(parts))
            half = len(parameters) // 2
            phones = [Phone(first, half), Phone(second, len(parameters) - half)]
            recording = Recording(f"{speaker}-{n}", speaker, ("X",), Path("none"), 0.0, 0.4)
            items.append(Spoken(recording, phones, parameters))
    return items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("voice")
    train_voice(spoken(), Vocoder(RATE, OPTIONS.vocoder), LANG, OPTIONS, 1, path)
    return path


def test_it_learns_and_clips(folder: Path) -> None:
    log = list(read_json_lines(folder / "log.jsonl"))
    assert log[-1]["held_out_loss"] < 0.4 * log[0]["held_out_loss"]
    steps = list(read_json_lines(folder / "steps.jsonl"))
    assert any(step["clipped"] for step in steps)
    assert all(step["norm_after"] <= 0.3 * (1 + 1e-5) for step in steps)


@pytest.mark.parametrize("speaker", ["ann", "bob"])
def test_it_speaks_with_the_speakers_pitch_and_durations(folder: Path, speaker: str) -> None:
    voice = Voice.load(folder)
    first, second = LANG.nonsilence_phone_ids()[:2]
    item = next(item for item in spoken() if item.recording.speaker == speaker)
    made = voice.parameters(item.phones, speaker)
    assert made.shape == item.parameters.shape
    assert np.exp(np.median(made[:, LOG_F0])) == pytest.approx(PITCH[speaker], rel=0.1)
    assert (made[10:-10, VOICED] > 0.5).mean() > 0.9
    swapped = voice.parameters([Phone(second, len(made) - 40), Phone(first, 40)], speaker)
    inner, coded = slice(10, -10), slice(2, 27)
    errors = [np.abs(x - item.parameters)[inner, coded].mean() for x in (made, swapped)]
    assert errors[0] < 0.5 * errors[1]
    assert (
        voice.description.durations.frames(speaker, [first, second], 0) == item.phones[0].num_frames
    )


def test_what_it_cannot_say(folder: Path) -> None:
    voice = Voice.load(folder)
    with pytest.raises(UserError, match="speaker eve: the voice knows ann, bob"):
        voice.speak(["A"], "eve")
    with pytest.raises(UserError, match="XYZZY: not in the voice's lexicon"):
        voice.speak(["XYZZY"], "ann")
    with pytest.raises(UserError, match="no such voice"):
        Voice.load(folder / "none")
    few = spoken()[:3]
    with pytest.raises(UserError, match="3 utterances can be used, at least 10"):
        train_voice(few, Vocoder(RATE, OPTIONS.vocoder), LANG, OPTIONS, 1, folder / "few")


def test_the_loss_by_hand() -> None:
    torch.manual_seed(0)
    features = feature_set([4, 6])
    model = AcousticModel(ModelOptions(hidden_dim=5, target_delay=2), features.dim, 3)
    rng = np.random.default_rng(0)
    targets = {
        name: np.column_stack([rng.integers(0, 2, length), rng.normal(size=(length, 2))]).astype(
            np.float32
        )
        for name, length in zip(features.utterance_ids, (4, 6), strict=True)
    }
    batch = FrameStore(features, np.zeros(10, np.int64), 2).pad([1, 0])
    found = Regression(targets).loss(model, batch, ["u001", "u000"]).item()
    with torch.no_grad():
        outputs = model(batch.features, batch.lengths).numpy()
    total = 0.0
    for row, (name, length) in enumerate((("u001", 6), ("u000", 4))):
        made, wanted = outputs[row, 2 : 2 + length], targets[name]
        share = 1.0 / (1.0 + np.exp(-made[:, 0]))
        total -= np.log(np.where(wanted[:, 0] == 1, share, 1 - share)).sum()
        total += 0.5 * np.square(made[:, 1:] - wanted[:, 1:]).mean(axis=1).sum()
    assert found == pytest.approx(total / 10, rel=1e-5)


def test_normalisation_comes_back_and_leaves_voicing_alone() -> None:
    frames = np.random.default_rng(0).normal(3.0, 2.0, size=(50, 4))
    frames[:, VOICED] = frames[:, VOICED] > 3.0
    norm = Normalisation.estimate(frames)
    made = norm.apply(frames)
    assert np.array_equal(made[:, VOICED], frames[:, VOICED].astype(np.float32))
    np.testing.assert_allclose(made[:, 1:].std(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(norm.undo(made.astype(np.float64)), frames, atol=1e-5)


def test_prompts() -> None:
    assert OPTIONS.judge is not None
    chosen = prompts(["A", "B"], ["ann", "bob"], OPTIONS.judge, 3)
    assert len(chosen["isolated"]) == 2 * 2 * 3
    assert len(chosen["strings"]) == 60
    assert {len(words) for _, words, _ in chosen["strings"]} == {2, 3, 4, 5}
    assert chosen == prompts(["A", "B"], ["ann", "bob"], OPTIONS.judge, 3)
