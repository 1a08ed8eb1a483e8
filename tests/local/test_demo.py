"""Synthetic digits: really spoken, and judged by laws, since another espeak-ng sounds otherwise."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from local import demo
from local.digits import DIGIT_WORDS, PRONUNCIATIONS
from local.espeak import Request, speak
from local.voices import split_voices, voice_family
from pipeline.data.corpus import Corpus
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines

OPTIONS = {"num_train": 12, "num_test": 6, "num_test_voices": 3, "sampling_rate": 8000, "seed": 5}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path]:
    folder = tmp_path_factory.mktemp("demo")
    return demo.prepare(folder, OPTIONS), folder


def test_sizes_words_and_voices(spoken: tuple[Corpus, Path]) -> None:
    corpus, _ = spoken
    prepared = prepare_corpus(corpus, 8000)
    assert prepared.rejects == []
    official = prepared.splits["official"]
    assert (len(official["train"]), len(official["test"])) == (12, 6)
    words = [item["text"].split() for item in prepared.supervisions]
    assert all(3 <= len(text) <= 5 and set(text) <= set(DIGIT_WORDS) for text in words)
    speaker_of = {item["id"]: item["speaker"] for item in prepared.supervisions}
    train, test = ({speaker_of[i] for i in official[name]} for name in ("train", "test"))
    assert not train & test
    assert len(test) >= 3


def test_phones_are_those_of_the_lexicon_in_order_of_time(spoken: tuple[Corpus, Path]) -> None:
    corpus, folder = spoken
    times = {
        item["utterance_id"]: item["phones"] for item in read_json_lines(folder / demo.PHONE_TIMES)
    }
    assert set(times) == {utterance.utterance_id for utterance in corpus.utterances}
    for utterance in corpus.utterances:
        phones = times[utterance.utterance_id]
        assert utterance.text is not None
        for word, spelled in enumerate(utterance.text.split()):
            said = [name for phone in phones if phone["word"] == word for name in phone["phones"]]
            assert " ".join(said).replace("AO R R", "AO R") in PRONUNCIATIONS[spelled]
        bounds = [(phone["start"], phone["end"]) for phone in phones]
        assert all(start < end for start, end in bounds)
        assert all(end <= start for (_, end), (start, _) in pairwise(bounds))
        assert bounds[-1][1] <= soundfile.info(utterance.audio).duration


def test_speech_is_loud_where_vowels_are_and_quiet_around(spoken: tuple[Corpus, Path]) -> None:
    corpus, folder = spoken
    times = {
        item["utterance_id"]: item["phones"] for item in read_json_lines(folder / demo.PHONE_TIMES)
    }
    vowels = {"IH", "IY", "UW", "AO", "AY", "EH", "AH", "EY", "OW"}
    for utterance in corpus.utterances:
        samples, rate = soundfile.read(utterance.audio)
        power = np.square(samples)
        phones = times[utterance.utterance_id]
        first, last = phones[0]["start"], phones[-1]["end"]
        outside = np.concatenate(
            [power[: int(first * rate) - 160], power[int(last * rate) + 160 :]]
        )
        spans = [phone for phone in phones if phone["phones"][0] in vowels]
        inside = np.concatenate(
            [power[int(phone["start"] * rate) : int(phone["end"] * rate)] for phone in spans]
        )
        assert inside.mean() > 5.0 * outside.mean()


def test_the_seed_decides_everything(spoken: tuple[Corpus, Path], tmp_path: Path) -> None:
    corpus, folder = spoken
    again = demo.prepare(tmp_path / "again", OPTIONS)
    other = demo.prepare(tmp_path / "other", {**OPTIONS, "seed": 6})
    assert again.splits == corpus.splits
    for utterance in corpus.utterances:
        copy = tmp_path / "again" / utterance.audio.name
        assert copy.read_bytes() == utterance.audio.read_bytes()
    name = demo.PHONE_TIMES
    assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert [u.text for u in other.utterances] != [u.text for u in corpus.utterances]


def test_an_older_corpus_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "old-train-00000.wav").touch()
    small = {**OPTIONS, "num_train": 1, "num_test": 1}
    corpus = demo.prepare(tmp_path, small)
    files = {path.name for path in tmp_path.glob("*.wav")}
    assert files == {utterance.audio.name for utterance in corpus.utterances}


def test_every_pair_of_digits_is_said_as_the_lexicon_has_it() -> None:
    pairs = [[one, other] for one in DIGIT_WORDS for other in DIGIT_WORDS]
    texts = [f"{one.lower()}{mark} {other.lower()}" for one, other in pairs for mark in ("", ",")]
    speeches = speak([Request(text, "en-us", 150, 50, 0) for text in texts])
    for i, (text, speech) in enumerate(zip(texts, speeches, strict=True)):
        times = demo.phone_times(pairs[i // 2], text, speech)
        assert {phone["word"] for phone in times} == {0, 1}


def test_a_pronunciation_outside_the_lexicon_is_an_error() -> None:
    (speech,) = speak([Request("one two", "en-us", 150, 50, 0)])
    with pytest.raises(UserError, match="says THREE as T UW"):
        demo.phone_times(["ONE", "THREE"], "one two", speech)


def test_an_unknown_voice_is_one_clear_error() -> None:
    with pytest.raises(UserError, match="espeak-ng has no voice nosuch"):
        list(speak([Request("one", "nosuch", 150, 50, 0)]))


def test_voices_of_a_family_stay_together() -> None:
    names = ["steph", "steph2", "steph3", "f1", "f2", "Mike", "mike2", "paul"]
    for seed in range(20):
        train, test = split_voices(names, 2, np.random.default_rng(seed))
        assert sorted(train + test) == sorted(names)
        assert 2 <= len(test) <= 4
        assert not set(map(voice_family, train)) & set(map(voice_family, test))
    assert voice_family("f1") != voice_family("f2")
    with pytest.raises(UserError, match="num_test_voices: 8: only 8 voices"):
        split_voices(names, 8, np.random.default_rng(0))


@pytest.mark.parametrize(
    "options", [{"min_digits": 6}, {"snr_db": (30.0, 10.0)}, {"num_train": 0}, {"rate": 1}]
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"corpus\.options: "):
        demo.prepare(tmp_path, options)
