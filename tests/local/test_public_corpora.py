"""Public corpora: tiny trees in their layouts are read, and what is wrong in them is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from pipeline.data.corpus import Corpus
from pipeline.data.prepare import Prepared, check_splits, prepare_corpus
from pipeline.hmm.lang import prepare_lang
from pipeline.io.errors import UserError
from pipeline.workflow import load_recipe
from tests.local import tiny_corpora
from tests.local.tiny_corpora import MINI, Spoken, mini_librispeech, prepare


def raw_an4(folder: Path, spoken: Spoken) -> Path:
    return tiny_corpora.an4(folder, spoken, raw=True)


def welsh(folder: Path, spoken: Spoken) -> Path:
    return tiny_corpora.common_voice(folder, spoken, "cy")


# corpus, tree, options, utterances of each split (train, test)
CORPORA: list[tuple[str, Callable[[Path, Spoken], Path], dict[str, Any], dict[str, Any]]] = [
    ("an4", tiny_corpora.an4, {}, {"official": (12, 4)}),
    ("an4", raw_an4, {}, {"official": (12, 4)}),
    ("timit", tiny_corpora.timit, {}, {"official": (8, 4), "dev": (8, 4)}),
    ("tidigits", tiny_corpora.tidigits, {}, {"official": (8, 4)}),
    ("tidigits", tiny_corpora.tidigits, {"groups": ["man", "boy"]}, {"official": (4, 8)}),
    ("mini_librispeech", mini_librispeech, MINI, {"official": (12, 4), "dev": (12, 4)}),
    (
        "librispeech_100",
        tiny_corpora.librispeech_100,
        {},
        {"official": (12, 4), "kaldi_five": (12, 4), "dev": (12, 4)},
    ),
    (
        "speech_commands_v1",
        tiny_corpora.speech_commands,
        {},
        {"official": (6, 3), "validation": (6, 3)},
    ),
    (
        "speech_commands_v2",
        tiny_corpora.speech_commands,
        {},
        {"official": (8, 4), "validation": (8, 4)},
    ),
    ("audio_mnist", tiny_corpora.audio_mnist, {}, {"official": (12, 4)}),
    ("common_voice", tiny_corpora.common_voice, {}, {"official": (8, 4), "dev": (8, 4)}),
    ("common_voice", welsh, {"language": "cy"}, {"official": (8, 4), "dev": (8, 4)}),
]


def rate_of(name: str) -> int:
    return load_recipe({"recipe": name}).features.sampling_rate


@pytest.mark.parametrize(("name", "tree", "options", "sizes"), CORPORA)
def test_a_tree_as_the_real_one_is_read_whole(
    tmp_path: Path,
    spoken: Spoken,
    name: str,
    tree: Callable[[Path, Spoken], Path],
    options: dict[str, Any],
    sizes: dict[str, Any],
) -> None:
    corpus = prepare(name, tree(tmp_path, spoken), options, tmp_path / "converted")
    config = load_recipe({"recipe": name})
    prepared: Prepared = prepare_corpus(corpus, config.features.sampling_rate)
    assert prepared.rejects == []
    check_splits(prepared.splits, name)
    found = {s: tuple(len(ids[x]) for x in ("train", "test")) for s, ids in corpus.splits.items()}
    assert found == sizes
    assert set(config.splits) <= set(found)
    for sets in corpus.splits.values():
        speakers = [
            {u.speaker for u in corpus.utterances if u.utterance_id in ids} for ids in sets.values()
        ]
        assert not speakers[0] & speakers[1]
    # Sorted by utterance is sorted by speaker, as Kaldi wants it.
    assert all(u.utterance_id.startswith(f"{u.speaker}-") for u in corpus.utterances)
    lang = prepare_lang(corpus.lexicon, config.lang, name)
    assert lang.words.get("ONE") is not None or name == "timit"


def texts(corpus: Corpus) -> dict[str, str]:
    return {u.utterance_id: u.text or "" for u in corpus.utterances}


def test_what_is_said_in_each(tmp_path: Path, spoken: Spoken) -> None:
    def read(name: str, tree: Callable[[Path, Spoken], Path], **options: Any) -> dict[str, str]:
        folder = tree(tmp_path / name, spoken)
        return texts(prepare(name, folder, options, tmp_path / name / "converted"))

    assert read("an4", tiny_corpora.an4)["mmxg-an12-b"] == "ONE TWO SIX"
    assert read("tidigits", tiny_corpora.tidigits)["bd-oz3b"] == "OH ZERO THREE"
    assert read("audio_mnist", tiny_corpora.audio_mnist)["05-3-0"] == "THREE"
    commands = read("speech_commands_v2", tiny_corpora.speech_commands)
    assert commands["0a7c2a8d-backward-0"] == "BACKWARD"
    common = read("common_voice", tiny_corpora.common_voice)
    assert common["aaaaaaaaaaaaaaaa-common_voice_en_1"] == "GO LEFT"
    phones = read("timit", tiny_corpora.timit)
    # 61 labels as 48 phones: closures are cl and vcl, h# is sil.
    assert phones["fcjf0-sx1"] == "sil vcl g ow l eh f cl t sil"


@pytest.mark.parametrize(
    ("name", "tree", "damage", "said"),
    [
        ("an4", tiny_corpora.an4, "an4/etc/an4_test.transcription", "an4_test.transcription: no"),
        ("an4", tiny_corpora.an4, "an4/etc/an4.dic", "an4.dic: no such file"),
        ("an4", tiny_corpora.an4, "an4/wav", "no folder with etc/ and wav/; point corpus.dir at"),
        ("timit", tiny_corpora.timit, "TIMIT/TEST", "no folder with test/ and train/; point"),
        ("tidigits", tiny_corpora.tidigits, "tidigits/train", "no folder with test/ and train/"),
        ("mini_librispeech", mini_librispeech, "LibriSpeech/dev-clean-2", "no such folder; fetch"),
        ("mini_librispeech", mini_librispeech, "librispeech-lexicon.txt", "no such file; fetch"),
        (
            "speech_commands_v1",
            tiny_corpora.speech_commands,
            "validation_list.txt",
            "validation_list.txt: no such file; point corpus.dir at Speech Commands",
        ),
        ("audio_mnist", tiny_corpora.audio_mnist, "data", "data: no recordings; point corpus.dir"),
        (
            "common_voice",
            tiny_corpora.common_voice,
            "cv-corpus-1.0/en/dev.tsv",
            "dev.tsv: no such file; point corpus.dir at the release",
        ),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path,
    spoken: Spoken,
    name: str,
    tree: Callable[[Path, Spoken], Path],
    damage: str,
    said: str,
) -> None:
    folder = tree(tmp_path, spoken)
    gone = tmp_path / damage
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    options = MINI if name == "mini_librispeech" else {}
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        prepare(name, folder, options, tmp_path / "converted")
    assert "\n" not in str(caught.value)


def test_bad_utterances_are_listed_and_the_others_go_on(tmp_path: Path, spoken: Spoken) -> None:
    def reasons(name: str, folder: Path, options: dict[str, Any]) -> list[str]:
        corpus = prepare(name, folder, options, tmp_path / f"{name}_converted")
        prepared = prepare_corpus(corpus, rate_of(name))
        assert len(prepared.supervisions) >= 7
        return sorted(reject.reason for reject in prepared.rejects)

    an4 = tiny_corpora.an4(tmp_path / "an4", spoken)
    table = an4 / "an4/etc/an4_train.transcription"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[2:], lines[3], "<s> GO </s>", "<s> GO </s> (an9-fash-b)"]))
    assert [reason[:30] for reason in reasons("an4", an4, {})] == [
        "audio without transcript",
        "audio without transcript",
        "duplicate utterance id, first ",
        "line 12 is not '<s> WORDS </s>",
        "transcript without audio: no s",
    ]
    timit = tiny_corpora.timit(tmp_path / "timit", spoken)
    labels = sorted((timit / "TIMIT/TRAIN").glob("*/*/SX*.PHN"))
    labels[0].unlink()
    labels[1].write_text("0 100 h#\n100 200 xx\n")
    assert reasons("timit", timit, {}) == [
        "audio without transcript",
        "labels: line 2 is not 'start end phone' of the 61 phones",
    ]
    digits = tiny_corpora.tidigits(tmp_path / "tidigits", spoken)
    (digits / "tidigits/train/man/ae/5b.wav").rename(digits / "tidigits/train/man/ae/noise.wav")
    (digits / "tidigits/train/man/ae/9za.wav").write_bytes(b"NIST_1A\n   1024\n")
    found = reasons("tidigits", digits, {"groups": ["man", "woman", "boy"]})
    assert found[0].startswith("audio without transcript: the name is not digits")
    assert found[1].startswith("unreadable audio")
    commands = tiny_corpora.speech_commands(tmp_path / "commands", spoken)
    gone, twice = (commands / "testing_list.txt").read_text().splitlines()[:2]
    (commands / gone).unlink()
    with (commands / "validation_list.txt").open("a") as table_2:
        table_2.write(f"{twice}\n")
    assert reasons("speech_commands_v2", commands, {}) == [
        "listed without audio: no such file",
        "stands in both lists",
    ]
    mnist = tiny_corpora.audio_mnist(tmp_path / "mnist", spoken)
    shutil.copy(mnist / "data/01/0_01_0.wav", mnist / "data/02/0_01_0.wav")
    assert reasons("audio_mnist", mnist, {})[0].startswith("audio without transcript: the name")
    common = tiny_corpora.common_voice(tmp_path / "common", spoken)
    clips = sorted((common / "en/clips").iterdir())
    clips[0].unlink()
    clips[1].write_bytes(b"no audio at all")
    train = common / "en/train.tsv"
    train.write_text(train.read_text() + "e" * 128 + "\n")
    found = reasons("common_voice", common, {})
    assert [reason[:23] for reason in found] == [
        "line 10 has too few col",
        "transcript without audi",
        "unreadable audio: File ",
    ]


def test_converted_audio_is_made_once_and_sounds_the_same(tmp_path: Path, spoken: Spoken) -> None:
    folder = tiny_corpora.an4(tmp_path / "raw", spoken, raw=True)
    first = prepare("an4", folder, {}, tmp_path / "converted")
    times = {u.audio: u.audio.stat().st_mtime_ns for u in first.utterances}
    assert len(times) == 16
    again = prepare("an4", folder, {}, tmp_path / "converted")
    assert {u.audio: u.audio.stat().st_mtime_ns for u in again.utterances} == times
    # The SPHERE file of the same utterance has the same samples.
    sphere = prepare("an4", tiny_corpora.an4(tmp_path / "sph", spoken), {}, tmp_path)
    for one, other in zip(first.utterances, sphere.utterances, strict=True):
        assert one.utterance_id == other.utterance_id
        a, b = (soundfile.read(u.audio, dtype="int16")[0] for u in (one, other))
        assert (a == b).all()


def test_sentences_are_normalised() -> None:
    from local.common_voice import normalised

    assert normalised("«Où est-il ?», dit-elle…") == "OÙ EST-IL DIT-ELLE"
    assert normalised("It’s 'quoted' -- no") == "IT'S QUOTED NO"
    assert normalised("हिन्दी में") == "हिन्दी में"
