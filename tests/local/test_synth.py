"""Synthetic sentences: the same bytes for any number of processes, voices apart, rooms as asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from local import synth
from local.cmudict_lexicon import cmudict_lexicon
from local.rooms import coloured_noise, in_room, room_response
from local.synth_text import CLASSES, PART, RULES, draw_sentence, vocabulary
from pipeline.config import load_config
from pipeline.data.corpus import Corpus
from pipeline.data.prepare import check_splits, prepare_corpus
from pipeline.io.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent
OPTIONS = {
    "scale": 0.0019,
    "num_test": 1,
    "num_test_voices": 3,
    "seed": 5,
    "num_processes": 1,
    "text_sentences": 20,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path]:
    folder = tmp_path_factory.mktemp("synth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synth, "GROUP", 6)
        return synth.prepare(folder, OPTIONS), folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.wav")}


def test_it_is_a_corpus_with_voices_apart(made: tuple[Corpus, Path]) -> None:
    corpus, _ = made
    prepared = prepare_corpus(corpus, 16000)
    assert prepared.rejects == []
    check_splits(prepared.splits, "synth")
    assert {name: len(ids) for name, ids in prepared.splits["official"].items()} == {
        "train": 10,
        "test": 1,
    }
    speakers = {
        name: {u.speaker for u in corpus.utterances if u.utterance_id in ids}
        for name, ids in corpus.splits["official"].items()
    }
    assert not speakers["train"] & speakers["test"]


def test_the_same_bytes_for_any_number_of_processes_and_after_an_interruption(
    made: tuple[Corpus, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synth, "GROUP", 6)
    corpus, folder = made
    again = synth.prepare(tmp_path, {**OPTIONS, "num_processes": 2})
    assert contents(tmp_path) == contents(folder)
    assert [u.text for u in again.utterances] == [u.text for u in corpus.utterances]
    # As if it had been stopped in its second group.
    (tmp_path / synth.GROUP_FILE.format(6)).unlink()
    (tmp_path / corpus.utterances[0].audio.name).write_bytes(b"kept: its group is done")
    lost = corpus.utterances[7].audio.name
    (tmp_path / lost).unlink()
    synth.prepare(tmp_path, OPTIONS)
    found = contents(tmp_path)
    assert found[lost] == contents(folder)[lost]
    assert list(found.values()).count(b"kept: its group is done") == 1
    # Another seed: nothing old is left.
    with pytest.raises(UserError, match="num_test_voices"):
        synth.prepare(tmp_path, {**OPTIONS, "num_test_voices": 500})
    assert contents(tmp_path) == {}


def test_the_recipe_is_of_the_size_it_says() -> None:
    config = load_config(ROOT / "recipes/synth/config.yaml")
    assert "ynthetic" in config.title
    options = synth.SynthOptions.model_validate(config.corpus.options)
    assert synth.set_sizes(options) == {"train": 5200, "test": 400}
    voices = synth.usable_voices()
    train, test = synth.split_voices(voices, options.num_test_voices, np.random.default_rng(1))
    assert len(train) >= 40
    assert len(test) >= 16
    assert len(vocabulary()) == 599
    assert {word for word, _, _ in cmudict_lexicon(vocabulary())} == set(vocabulary())


def test_the_grammar_has_no_loose_end() -> None:
    names = {name for rule in RULES.values() for text in rule for name in PART.findall(text)}
    assert names == {*RULES, *CLASSES} - {"sentence"}
    for words in CLASSES.values():
        assert len(set(words)) == len(words)


def test_words_prefer_words() -> None:
    rng = np.random.default_rng(3)
    sentences = [draw_sentence(rng) for _ in range(4000)]
    assert {word for sentence in sentences for word in sentence} <= set(vocabulary())
    # Entropies by counting: knowing the word before must save more than two bits a word.
    words = Counter(word for sentence in sentences for word in sentence)
    pairs = Counter(p for s in sentences for p in zip(["<s>", *s], s, strict=False))
    before = Counter(first for first, _ in pairs.elements())
    total = words.total()
    unigram = -sum(n / total * np.log2(n / total) for n in words.values())
    bigram = -sum(n / total * np.log2(n / before[first]) for (first, _), n in pairs.items())
    assert unigram - bigram > 2.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": 0}, "corpus.options: scale"),
        ({"snr_db": [9, 3]}, "snr_db: 9.0 to 3.0 is no range"),
        ({"num_test_voices": 500}, "num_test_voices: 500: only"),
        ({"voices": 3}, "voices"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        synth.prepare(tmp_path, options)


def test_a_room_decays_by_60_db_in_its_time_and_is_as_direct_as_asked() -> None:
    rate, seconds = 16000, 0.4
    # The energy that is left after t falls by 60 dB a T60 (Schroeder's backward integration).
    curves = []
    for seed in range(20):
        response = room_response(np.random.default_rng(seed), rate, seconds, 6.0)
        energy = np.square(response)
        assert np.isclose(energy.sum(), 1.0)
        assert np.isclose(10 * np.log10(energy[0] / energy[1:].sum()), 6.0)
        curves.append(np.cumsum(energy[::-1])[::-1])
    level = 10 * np.log10(np.mean(curves, axis=0))
    start, end = round(0.05 * rate), round(0.2 * rate)
    slope = (level[end] - level[start]) / ((end - start) / rate)  # dB/s
    assert np.isclose(slope * seconds, -60.0, rtol=0.05)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_its_colour_and_level(exponent: float) -> None:
    noise = coloured_noise(np.random.default_rng(0), 1 << 16, exponent)
    assert np.isclose(np.mean(np.square(noise)), 1.0)
    power = np.square(np.abs(np.fft.rfft(noise)))
    octave = 10 * np.log10(power[8192:16384].mean() / power[4096:8192].mean())
    assert abs(octave + exponent * 10 * np.log10(2)) < 0.3
    speech = np.sin(np.arange(1 << 16) / 5.0)
    added = in_room(speech, np.array([1.0]), noise, 12.0) - speech
    ratio = np.mean(np.square(speech)) / np.mean(np.square(added))
    assert np.isclose(10 * np.log10(ratio), 12.0)
