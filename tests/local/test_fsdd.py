"""FSDD: names, splits and pronunciations; the whole corpus where it is there."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from local import fsdd
from pipeline.data.download import digest_of_files, verify_files
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError


def toy_corpus(folder: Path, names: list[str]) -> Path:
    """Empty files of the given names, in FSDD's layout."""
    (folder / "recordings").mkdir()
    for name in names:
        (folder / "recordings" / name).touch()
    return folder


def test_names_are_transcripts_and_decide_the_splits(tmp_path: Path) -> None:
    names = ["7_ann_4.wav", "7_ann_5.wav", "0_bob_49.wav", "3_bob_0.opus"]
    corpus = fsdd.prepare(toy_corpus(tmp_path, names), {})
    assert {(u.utterance_id, u.speaker, u.text) for u in corpus.utterances} == {
        ("ann-7-04", "ann", "SEVEN"),
        ("ann-7-05", "ann", "SEVEN"),
        ("bob-0-49", "bob", "ZERO"),
        ("bob-3-00", "bob", "THREE"),
    }
    as_sets = {
        split: {name: set(ids) for name, ids in sets.items()}
        for split, sets in corpus.splits.items()
    }
    ann, bob = {"ann-7-04", "ann-7-05"}, {"bob-0-49", "bob-3-00"}
    assert as_sets == {
        "official": {"train": {"ann-7-05", "bob-0-49"}, "test": {"ann-7-04", "bob-3-00"}},
        "ann": {"train": bob, "test": ann},
        "bob": {"train": ann, "test": bob},
    }


def test_other_names_are_listed(tmp_path: Path) -> None:
    names = ["7_ann_4.wav", "seven.wav", "7_ann_4.txt"]
    corpus = fsdd.prepare(toy_corpus(tmp_path, names), {})
    assert [Path(reject.file).name for reject in corpus.rejects] == ["7_ann_4.txt", "seven.wav"]
    assert all("audio without transcript" in reject.reason for reject in corpus.rejects)


def test_an_empty_folder_and_unknown_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recordings: no recordings"):
        fsdd.prepare(tmp_path, {})
    with pytest.raises(UserError, match=r"corpus\.options: colour"):
        fsdd.prepare(toy_corpus(tmp_path, ["7_ann_4.wav"]), {"colour": 1})


def test_the_lexicon_has_nineteen_phones_and_two_ways_to_say_zero(tmp_path: Path) -> None:
    lexicon = fsdd.prepare(toy_corpus(tmp_path, ["7_ann_4.wav"]), {}).lexicon
    assert len({phone for _, _, phones in lexicon for phone in phones}) == 19
    assert len(lexicon) == 11
    assert [" ".join(phones) for word, _, phones in lexicon if word == "ZERO"] == [
        "Z IH R OW",
        "Z IY R OW",
    ]


def test_the_whole_corpus(corpora_dir: Path) -> None:
    prepared = prepare_corpus(fsdd.prepare(corpora_dir / "fsdd", {}), 8000, num_threads=2)
    assert len(prepared.supervisions) == 3000
    assert prepared.rejects == []
    sizes = {
        split: (len(sets["train"]), len(sets["test"])) for split, sets in prepared.splits.items()
    }
    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    assert sizes == {"official": (2700, 300)} | dict.fromkeys(speakers, (2500, 500))
    minutes = sum(item["duration"] for item in prepared.recordings) / 60
    assert minutes == pytest.approx(21.9, abs=0.05)


def test_the_shipped_digest_is_the_corpuss(corpora_dir: Path) -> None:
    verify_files(corpora_dir / "fsdd", "recordings/*.wav", fsdd.WAVS_SHA256)


def test_a_download_with_other_recordings_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    toy_corpus(repository, ["7_ann_4.wav", "0_bob_9.wav"])
    archive = tmp_path / "26eb9aa.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(repository, "free-spoken-digit-dataset-26eb9aa")
    monkeypatch.setattr(fsdd, "URLS", (archive.as_uri(),))
    with pytest.raises(UserError, match=f"expected {fsdd.WAVS_SHA256}"):
        fsdd.download(tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []
    digest = digest_of_files(repository, repository.glob("recordings/*.wav"))
    monkeypatch.setattr(fsdd, "WAVS_SHA256", digest)
    folder = fsdd.download(tmp_path / "downloads")
    assert len(fsdd.prepare(folder, {}).utterances) == 2
