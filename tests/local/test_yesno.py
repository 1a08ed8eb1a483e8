"""yesno: the name is the transcript; Kaldi's split."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from local import yesno
from pipeline.data.download import sha256_of
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError


def test_digits_of_the_name_are_words(tmp_path: Path) -> None:
    (tmp_path / "waves_yesno").mkdir()
    for name in ("0_1_1.wav", "1_0.wav", "noise.wav", "README"):
        (tmp_path / "waves_yesno" / name).touch()
    corpus = yesno.prepare(tmp_path, {})
    assert {u.utterance_id: u.text for u in corpus.utterances} == {
        "0_1_1": "NO YES YES",
        "1_0": "YES NO",
    }
    assert [Path(reject.file).name for reject in corpus.rejects] == ["noise.wav"]
    with pytest.raises(UserError, match="waves_yesno: no recordings"):
        yesno.prepare(tmp_path / "waves_yesno", {})


def test_the_whole_corpus_has_kaldis_split(corpora_dir: Path) -> None:
    prepared = prepare_corpus(yesno.prepare(corpora_dir / "yesno", {}), 8000)
    assert prepared.rejects == []
    assert all(len(item["text"].split()) == 8 for item in prepared.supervisions)
    official = prepared.splits["official"]
    assert (len(official["train"]), len(official["test"])) == (31, 29)
    assert max(official["train"]) == "0_1_1_1_1_1_1_1"
    assert min(official["test"]) == "1_0_0_0_0_0_0_0"


def test_a_download_becomes_the_corpus_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waves_yesno").mkdir()
    (tmp_path / "waves_yesno" / "0_1.wav").write_bytes(b"sound")
    archive = tmp_path / "home" / "waves_yesno.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "waves_yesno", "waves_yesno")
    monkeypatch.setattr(yesno, "URLS", (archive.as_uri(),))
    with pytest.raises(UserError, match=f"expected {yesno.ARCHIVE_SHA256}"):
        yesno.download(tmp_path / "downloads")
    monkeypatch.setattr(yesno, "ARCHIVE_SHA256", sha256_of(archive))
    folder = yesno.download(tmp_path / "downloads")
    assert [u.text for u in yesno.prepare(folder, {}).utterances] == ["NO YES"]
