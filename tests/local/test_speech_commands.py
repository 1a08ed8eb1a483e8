"""Speech Commands: lists and files are matched, both ways; speakers stay in one set."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import speech_commands
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError


def toy_corpus(folder: Path, *files: str, **lists: bytes) -> Path:
    """Empty audio files and the lists given."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    for name, content in lists.items():
        (folder / "lists").mkdir(exist_ok=True)
        (folder / "lists" / f"{name}.text").write_bytes(content)
    return folder


def test_lists_and_files_are_matched(tmp_path: Path) -> None:
    folder = toy_corpus(
        tmp_path,
        *("one/aa_nohash_0.wav", "one/bb_nohash_1.opus", "go/aa_nohash_0.wav"),
        *("go/cc_nohash_0.wav", "tree/aa_nohash_0.wav", "one/dd_nohash_0.wav"),
        train=b"one_aa_nohash_0 one\ngo_aa_nohash_0 go\n"
        b"one_gone_nohash_0 one\ntree_x_nohash_0 tree\n",
        dev=b"one_bb_nohash_1 one\none_dd_nohash_0 \xff\n",
    )
    corpus = speech_commands.prepare(folder, {"words": ["go", "one"]})
    assert {(u.utterance_id, u.speaker, u.text) for u in corpus.utterances} == {
        ("aa-one-0", "aa", "ONE"),
        ("aa-go-0", "aa", "GO"),
        ("bb-one-1", "bb", "ONE"),
    }
    assert {name: set(ids) for name, ids in corpus.splits["official"].items()} == {
        "train": {"aa-one-0", "aa-go-0"},
        "test": {"bb-one-1"},
    }
    reasons = sorted((reject.utterance_id, reject.reason) for reject in corpus.rejects)
    assert [utterance_id for utterance_id, _ in reasons] == [
        "-",
        "one_dd_nohash_0",
        "one_gone_nohash_0",
    ]
    assert "audio without transcript" in reasons[0][1]
    assert "not UTF-8" in reasons[1][1]
    assert "transcript without audio" in reasons[2][1]
    assert {word for word, _, _ in corpus.lexicon} == {"GO", "ONE"}


def test_the_original_archives_list_gives_the_test(tmp_path: Path) -> None:
    folder = toy_corpus(
        tmp_path, "one/aa_nohash_0.wav", "one/bb_nohash_0.wav", "no/bb_nohash_2.wav"
    )
    (folder / "testing_list.txt").write_text("one/bb_nohash_0.wav\nno/bb_nohash_2.wav\n")
    corpus = speech_commands.prepare(folder, {"words": ["one"]})
    assert corpus.splits == {"official": {"train": ["aa-one-0"], "test": ["bb-one-0"]}}
    assert [u.text for u in corpus.utterances] == ["ONE", "ONE"]
    assert corpus.rejects == []


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither lists/ nor testing_list"):
        speech_commands.prepare(tmp_path, {})
    with pytest.raises(UserError, match="words: maybe: not a word of the corpus; it has bed"):
        speech_commands.prepare(tmp_path, {"words": ["maybe"]})


def test_the_part_with_lists(corpora_dir: Path) -> None:
    corpus = speech_commands.prepare(corpora_dir / "speech_commands", {})
    prepared = prepare_corpus(corpus, 16000, num_threads=2)
    assert prepared.rejects == []
    official = {name: set(ids) for name, ids in prepared.splits["official"].items()}
    assert {name: len(ids) for name, ids in official.items()} == {"train": 4500, "test": 500}
    speakers = {
        name: {item["speaker"] for item in prepared.supervisions if item["id"] in ids}
        for name, ids in official.items()
    }
    assert {name: len(found) for name, found in speakers.items()} == {"train": 417, "test": 61}
    assert not speakers["train"] & speakers["test"]
