"""Finding a corpus: configured, below CORPORA_DIR, downloaded, or one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.locate import locate_corpus
from pipeline.io.errors import UserError


def refuse(target: Path) -> Path:
    raise UserError("https://example.org/a.tar: download failed (no network); run again to resume")


def no_download(target: Path) -> Path:
    raise AssertionError("must not download")


def test_the_configured_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "corpora" / "toy").mkdir(parents=True)
    environment = {"CORPORA_DIR": str(tmp_path / "corpora")}
    found = locate_corpus("toy", str(tmp_path), environment, tmp_path, no_download)
    assert found == tmp_path
    found = locate_corpus("toy", None, environment, tmp_path, no_download)
    assert found == tmp_path / "corpora" / "toy"


def test_otherwise_it_is_downloaded(tmp_path: Path) -> None:
    def download(target: Path) -> Path:
        return target / "corpus"

    for environment in ({}, {"CORPORA_DIR": str(tmp_path)}):
        found = locate_corpus("toy", None, environment, tmp_path / "downloads", download)
        assert found == tmp_path / "downloads" / "toy" / "corpus"


def test_a_missing_configured_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.dir: .*/nowhere: no such folder; correct it"):
        locate_corpus("toy", str(tmp_path / "nowhere"), {}, tmp_path, no_download)


def test_a_mistyped_corpora_dir_is_named(tmp_path: Path) -> None:
    environment = {"CORPORA_DIR": str(tmp_path / "nowhere")}
    with pytest.raises(UserError, match=r"CORPORA_DIR=.*/nowhere: no such folder; set it"):
        locate_corpus("toy", None, environment, tmp_path, no_download)


def test_a_failed_download_names_folder_variable_and_remedy(tmp_path: Path) -> None:
    environment = {"CORPORA_DIR": str(tmp_path)}
    with pytest.raises(UserError) as error:
        locate_corpus("toy", None, environment, tmp_path / "downloads", refuse)
    message = str(error.value)
    for part in (str(tmp_path / "toy"), "CORPORA_DIR", "no network", "set corpus.dir"):
        assert part in message
    with pytest.raises(UserError, match="CORPORA_DIR is not set"):
        locate_corpus("toy", None, {}, tmp_path / "downloads", refuse)
