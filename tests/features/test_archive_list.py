"""pipeline/features/archive_list.py: the list goes when an archive does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.features.archive_list import NAME, drop_stale_list, write_archive_list


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two archives and their list."""
    for shard in "01":
        (tmp_path / shard).mkdir()
        (tmp_path / shard / "feats.ark").write_bytes(b"abc")
    write_archive_list(tmp_path, [tmp_path / shard / "feats.ark" for shard in "01"])
    return tmp_path


def test_a_true_list_stays(folder: Path) -> None:
    assert drop_stale_list(folder) == []
    assert (folder / NAME).is_file()


def test_a_lost_archive_takes_the_list_along(folder: Path) -> None:
    (folder / "1/feats.ark").unlink()
    assert drop_stale_list(folder) == ["1/feats.ark"]
    assert not (folder / NAME).exists()


def test_a_cut_archive_too(folder: Path) -> None:
    (folder / "0/feats.ark").write_bytes(b"ab")
    assert drop_stale_list(folder) == ["0/feats.ark"]
    assert not (folder / NAME).exists()


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_list_is_left_to_the_jobs(folder: Path, text: str) -> None:
    (folder / NAME).write_text(text)
    assert drop_stale_list(folder) == []
    assert drop_stale_list(folder / "none") == []
