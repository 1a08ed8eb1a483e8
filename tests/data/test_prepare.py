"""Preparation: every kind of bad utterance is listed with reason and remedy; good ones go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.corpus import Corpus, Utterance
from pipeline.data.prepare import check_fraction, check_splits, prepare_corpus
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject
from tests.data.toy_audio import noise, write_wav

LEXICON = [("ONE", 1.0, ["W", "AH", "N"]), ("TWO", 1.0, ["T", "UW"])]


@pytest.fixture
def good(tmp_path: Path) -> list[Utterance]:
    return [
        Utterance(
            f"s-{i}", write_wav(tmp_path / f"{i}.wav", noise(seed=i)), "s", "ONE  two".upper()
        )
        for i in range(4)
    ]


def corpus_of(utterances: list[Utterance], unknown_word: str | None = None) -> Corpus:
    ids = [utterance.utterance_id for utterance in utterances]
    splits = {"official": {"train": ids[::2], "test": ids[1::2]}}
    return Corpus(utterances, LEXICON, splits, unknown_word=unknown_word)


def test_good_utterances_become_manifests(good: list[Utterance]) -> None:
    prepared = prepare_corpus(corpus_of(good[::-1]), 8000, num_threads=2)
    assert [item["id"] for item in prepared.supervisions] == ["s-0", "s-1", "s-2", "s-3"]
    assert [item["id"] for item in prepared.recordings] == ["s-0", "s-1", "s-2", "s-3"]
    assert prepared.supervisions[0]["text"] == "ONE TWO"
    assert prepared.recordings[0]["num_samples"] == 4000
    assert prepared.splits == {"official": {"train": ["s-1", "s-3"], "test": ["s-0", "s-2"]}}
    assert prepared.rejects == []


def test_each_kind_of_bad_utterance_is_listed_and_the_good_go_on(
    tmp_path: Path, good: list[Utterance]
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio")
    stereo = np.stack([noise(), noise()], axis=1)
    nan = noise()
    nan[7] = np.nan
    wav = good[0].audio
    bad = {
        "unreadable": (tmp_path / "text.wav", "ONE", "unreadable audio"),
        "empty": (tmp_path / "empty.wav", "ONE", "empty file"),
        "rate": (write_wav(tmp_path / "r.wav", noise(), 16000), "ONE", "sampling rate 16000"),
        "stereo": (write_wav(tmp_path / "st.wav", stereo), "ONE", "2 channels"),
        "nan": (write_wav(tmp_path / "n.wav", nan, subtype="FLOAT"), "ONE", "NaN"),
        "short": (write_wav(tmp_path / "sh.wav", noise()[:199]), "ONE", "too short for one frame"),
        "missing": (tmp_path / "missing.wav", "ONE", "transcript without audio"),
        "textless": (wav, None, "audio without transcript"),
        "blank": (wav, " ", "empty transcript"),
        "oov": (wav, "ONE THREE", "out-of-lexicon word THREE"),
        "white space": (wav, "ONE", "white space"),
        "s-0": (tmp_path / "1.wav", "ONE", f"duplicate utterance id, first seen with {wav}"),
    }
    utterances = good + [
        Utterance(name, audio, "s", text) for name, (audio, text, _) in bad.items()
    ]
    prepared = prepare_corpus(corpus_of(utterances), 8000)
    assert [item["id"] for item in prepared.supervisions] == ["s-0", "s-1", "s-2", "s-3"]
    by_id = {reject.utterance_id: reject for reject in prepared.rejects}
    assert set(by_id) == set(bad)
    for name, (audio, _, reason) in bad.items():
        assert reason in by_id[name].reason, name
        assert by_id[name].file == str(audio)
        assert by_id[name].remedy
    assert set(prepared.splits["official"]["train"]) == {"s-0", "s-2"}


def test_one_frame_is_long_enough(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "a.wav", noise()[:200])
    prepared = prepare_corpus(corpus_of([Utterance("a", audio, "s", "ONE")]), 8000)
    assert [item["duration"] for item in prepared.supervisions] == [0.025]


def test_unknown_words_are_kept_on_request(good: list[Utterance]) -> None:
    more = [*good, Utterance("x", good[0].audio, "s", "ONE THREE")]
    assert len(prepare_corpus(corpus_of(more, "<UNK>"), 8000).supervisions) == 5


def test_segments_share_a_recording(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "long.wav", noise(2.0))
    segments = [
        Utterance("a", audio, "s", "ONE", 0.0, 0.5, "long"),
        Utterance("b", audio, "s", "TWO", 1.5, None, "long"),
        Utterance("c", audio, "s", "TWO", 1.5, 0.75, "long"),  # less than 0.5 s too far: cut
        Utterance("d", audio, "s", "TWO", 1.5, 1.5, "long"),
        Utterance("e", audio, "s", "TWO", 2.5, 0.5, "long"),
    ]
    prepared = prepare_corpus(corpus_of(segments), 8000)
    assert [item["id"] for item in prepared.recordings] == ["long"]
    spans = [(item["id"], item["start"], item["duration"]) for item in prepared.supervisions]
    assert spans == [("a", 0.0, 0.5), ("b", 1.5, 0.5), ("c", 1.5, 0.5)]
    assert [(reject.utterance_id, reject.reason) for reject in prepared.rejects] == [
        ("d", "segment ends after its recording"),
        ("e", "segment lies outside its recording"),
    ]


def test_too_many_rejects_stop_with_the_commonest_reason() -> None:
    rejects = [Reject(f"u{i}", "a.wav", "empty file", "fetch it") for i in range(3)]
    check_fraction(rejects, 12, 0.2, "toy")
    with pytest.raises(UserError, match=r"toy: 3 of 14 .* limit 20%, mostly: empty file"):
        check_fraction(rejects, 11, 0.2, "toy")
    with pytest.raises(UserError, match="0 of 0"):
        check_fraction([], 0, 1.0, "toy")


def test_splits_need_disjoint_train_and_test() -> None:
    check_splits({"a": {"train": ["u1"], "test": ["u2"]}}, "toy")
    with pytest.raises(UserError, match="split a: no usable utterance is left in test"):
        check_splits({"a": {"train": ["u1"], "test": []}}, "toy")
    with pytest.raises(UserError, match="split a: 1 utterances are in train and test"):
        check_splits({"a": {"train": ["u1", "u2"], "test": ["u2"]}}, "toy")


def test_really_unreadable_audio_is_listed_and_the_good_goes_on(
    corpora_dir: Path, tmp_path: Path
) -> None:
    files = sorted((corpora_dir / "unreadable").glob("*.flac"))
    bad = [Utterance(path.stem, path, "s", "ONE") for path in files]
    fine = Utterance("fine", write_wav(tmp_path / "fine.wav", noise(rate=16000), 16000), "s", "ONE")
    prepared = prepare_corpus(corpus_of([fine, *bad]), 16000, num_threads=2)
    assert [item["id"] for item in prepared.supervisions] == ["fine"]
    assert {reject.file for reject in prepared.rejects} == {str(path) for path in files}
    assert all("unreadable" in reject.reason for reject in prepared.rejects)
