"""pipeline/report/provenance.py: checksums that follow the content, disk by folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.io.json_lines import write_json_lines
from pipeline.report import provenance
from pipeline.report.provenance import checksums, disk_usage


def corpus(root: Path, folder: Path, content: bytes = b"abc") -> Path:
    """Two files of audio, and their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for name in ("b.wav", "a.wav"):
        (folder / name).write_bytes(content + name.encode())
        sources.append({"type": "file", "channels": [0], "source": str(folder / name)})
    lines = [{"id": str(i), "sources": [source]} for i, source in enumerate(sources)]
    write_json_lines(root / "data/recordings.jsonl.gz", lines)
    return root


def audio_digest(root: Path) -> str:
    (row,) = [row for row in checksums(root) if row["name"].startswith("audio")]
    assert row["files"] == 2
    return str(row["sha256"])


def test_the_audio_counts_and_not_where_it_lies(tmp_path: Path) -> None:
    one = audio_digest(corpus(tmp_path / "1", tmp_path / "here"))
    assert audio_digest(corpus(tmp_path / "2", tmp_path / "there")) == one
    assert audio_digest(corpus(tmp_path / "3", tmp_path / "changed", b"abd")) != one


def test_of_much_audio_sizes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "MAX_HASHED", 5)
    one = audio_digest(corpus(tmp_path / "1", tmp_path / "here"))
    assert audio_digest(corpus(tmp_path / "2", tmp_path / "changed", b"abd")) == one
    assert audio_digest(corpus(tmp_path / "3", tmp_path / "longer", b"abcd")) != one


def test_manifests_are_hashed_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/lexicon.txt").write_bytes(b"ONE 1 W AH N\n")
    (row,) = checksums(tmp_path)
    assert row == {
        "name": "data/lexicon.txt",
        "files": 1,
        "bytes": 13,
        "sha256": hashlib.sha256(b"ONE 1 W AH N\n").hexdigest(),
    }


def test_audio_that_is_gone_has_no_checksum(tmp_path: Path) -> None:
    corpus(tmp_path, tmp_path / "here")
    (tmp_path / "here/a.wav").unlink()
    assert [row["name"] for row in checksums(tmp_path)] == ["data/recordings.jsonl.gz"]


def test_disk_by_folder(tmp_path: Path) -> None:
    for name, size in (
        ("data/x", 3),
        ("official/data/train/cuts", 5),
        ("official/mono/hmm.json", 20),
        ("logs/a.log", 7),
        ("report/index.html", 9),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "official/mono/link").symlink_to(tmp_path / "data/x")
    assert [(row["folder"], row["files"], row["bytes"]) for row in disk_usage(tmp_path)] == [
        ("official/mono", 1, 20),
        ("official/data", 1, 5),
        ("data", 1, 3),
    ]
