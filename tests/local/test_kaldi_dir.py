"""A corpus that lies in Kaldi data directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import kaldi_dir
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError
from tests.data.toy_audio import noise, write_wav

OPTIONS = {"train": "train", "test": "test", "lexicon": "lexicon.txt"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two directories of two utterances each; one has a word outside the lexicon."""
    for name in ("train", "test"):
        for i in (1, 2):
            write_wav(tmp_path / f"{name}{i}.wav", noise(seed=i))
        data = tmp_path / name
        data.mkdir()
        lines = [f"{name}-{i} {tmp_path}/{name}{i}.wav\n" for i in (1, 2)]
        (data / "wav.scp").write_text("".join(lines))
        (data / "text").write_text(f"{name}-1 ONE\n{name}-2 ONE TWO\n")
        (data / "utt2spk").write_text(f"{name}-1 {name}\n{name}-2 {name}\n")
    (tmp_path / "test" / "text").write_text("test-1 ONE\ntest-2 THREE\n")
    (tmp_path / "lexicon.txt").write_text("ONE W AH N\nTWO T UW\n")
    return tmp_path


def test_train_and_test_directories_are_the_official_split(folder: Path) -> None:
    prepared = prepare_corpus(kaldi_dir.prepare(folder, OPTIONS), 8000)
    assert prepared.splits == {"official": {"train": ["train-1", "train-2"], "test": ["test-1"]}}
    assert [reject.reason for reject in prepared.rejects] == ["out-of-lexicon word THREE"]
    assert prepared.lexicon == [("ONE", 1.0, ["W", "AH", "N"]), ("TWO", 1.0, ["T", "UW"])]


def test_unknown_words_may_be_kept(folder: Path) -> None:
    corpus = kaldi_dir.prepare(folder, {**OPTIONS, "unknown_word": "<UNK>"})
    assert len(prepare_corpus(corpus, 8000).supervisions) == 4


def test_mistakes_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/wav\.scp: no such file"):
        kaldi_dir.prepare(folder, {**OPTIONS, "test": "nowhere"})
    with pytest.raises(UserError, match=r"corpus\.options\.lexicon: .*gone\.txt: no such file"):
        kaldi_dir.prepare(folder, {**OPTIONS, "lexicon": "gone.txt"})
    with pytest.raises(UserError, match=r"corpus\.options: lexicon: Field required"):
        kaldi_dir.prepare(folder, {"train": "train", "test": "test"})
