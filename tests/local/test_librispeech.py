"""local/librispeech.py on a tiny tree in the corpus's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from local.cmudict_lexicon import cmudict_lexicon
from local.librispeech import prepare
from pipeline.io.errors import UserError


def chapter(folder: Path, texts: dict[str, str], without_audio: str = "") -> None:
    """A chapter's folder with its transcripts and a tenth of a second of noise for each."""
    folder.mkdir(parents=True)
    name = f"{folder.parent.name}-{folder.name}"
    lines = "".join(f"{key} {text}\n" for key, text in texts.items())
    (folder / f"{name}.trans.txt").write_text(lines, encoding="utf-8")
    noise = np.random.default_rng(0).normal(0, 0.1, 1600)
    for key in texts:
        if key != without_audio:
            soundfile.write(folder / f"{key}.flac", noise, 16000)


def tree(root: Path) -> Path:
    home = root / "LibriSpeech"
    chapter(home / "train-clean-100/84/1", {"84-1-0000": "A DOG RUNS", "84-1-0001": "ZYXQUO RUNS"})
    chapter(home / "test-clean/61/2", {"61-2-0000": "THE DOG", "61-2-0001": "THE CAT"}, "61-2-0001")
    chapter(home / "test-clean/260/3", {"260-3-0000": "A CAT"})
    return root


def test_splits_text_and_lexicon(tmp_path: Path) -> None:
    corpus = prepare(tree(tmp_path), {})
    train = ["84-1-0000", "84-1-0001"]
    assert corpus.splits == {
        "official": {"train": train, "test": ["260-3-0000", "61-2-0000"]},
        "kaldi_five": {"train": train, "test": ["61-2-0000"]},
        "dev": {"train": train, "test": ["260-3-0000"]},
    }
    assert corpus.sentences == ["A DOG RUNS", "ZYXQUO RUNS"]
    words = {word for word, _, _ in corpus.lexicon}
    assert words == {"A", "DOG", "RUNS"}  # three words teach too little to pronounce the fourth
    assert [r.reason for r in corpus.rejects] == ["transcript without audio"]


def test_the_text_of_the_whole_part_where_only_some_audio_is_here(tmp_path: Path) -> None:
    tree(tmp_path)
    file = tmp_path / "train-clean-100.all_transcripts.txt"
    file.write_text("84-1-0000 A DOG RUNS\n84-1-0009 CATS SLEEP\n", encoding="utf-8")
    corpus = prepare(tmp_path, {})
    assert corpus.sentences == ["A DOG RUNS", "CATS SLEEP"]
    assert {"CATS", "SLEEP"} <= {word for word, _, _ in corpus.lexicon}


def test_what_cmudict_lacks_is_pronounced_as_it_is_written(tmp_path: Path) -> None:
    home = tree(tmp_path) / "LibriSpeech"
    known = "FAULT FALL TALL LESS BLESS LIST LAST FILL FULL HELPLESS CARELESS FAST SALT TELL"
    chapter(home / "train-clean-100/85/1", {"85-1-0000": f"{known} FAULTLESS"})
    phones = {word: phones for word, _, phones in prepare(tmp_path, {}).lexicon}
    assert phones["FAULTLESS"] == ["F", "AO", "L", "T", "L", "AH", "S"]
    assert list(phones) == sorted(phones)
    others = {word for word, _, _ in prepare(tmp_path, {"rest": "unknown"}).lexicon}
    assert set(phones) - others == {"FAULTLESS"}


def test_pronunciations_without_stress() -> None:
    assert cmudict_lexicon(["TOMATO"]) == [
        ("TOMATO", 1.0, ["T", "AH", "M", "EY", "T", "OW"]),
        ("TOMATO", 1.0, ["T", "AH", "M", "AA", "T", "OW"]),
    ]


def test_audio_and_chapters_without_transcripts_are_named(tmp_path: Path) -> None:
    home = tree(tmp_path) / "LibriSpeech"
    (home / "train-clean-100/84/1/84-1-0007.flac").write_bytes(b"")
    (home / "train-clean-100/99/5").mkdir(parents=True)
    found = {r.reason: r for r in prepare(tmp_path, {}).rejects}
    assert found["audio without transcript"].utterance_id == "84-1-0007"
    assert found["chapter without transcripts"].file.endswith("99/5")


def test_a_missing_part_is_one_line(tmp_path: Path) -> None:
    tree(tmp_path)
    with pytest.raises(UserError, match="train-clean-360: no such folder; fetch it from"):
        prepare(tmp_path, {"train_parts": ["train-clean-360"]})


def test_the_part_that_is_kept_here(corpora_dir: Path) -> None:
    corpus = prepare(corpora_dir / "librispeech", {})
    assert len(corpus.splits["kaldi_five"]["test"]) == 324  # as Kaldi's figures
    assert len(corpus.splits["official"]["train"]) == 1107
    words = {word for word, _, _ in corpus.lexicon}
    assert len(words) == 33796  # of 33,798 in the text
    assert {"SQUIRE'S", "PERSONAGE", "FAULTLESS"} <= words
    of_kaldi = prepare(corpora_dir / "librispeech", {"rest": "unknown"})
    assert len({word for word, _, _ in of_kaldi.lexicon}) == 25814
    assert sum(len(sentence.split()) for sentence in corpus.sentences) == 990101
    assert not corpus.rejects
