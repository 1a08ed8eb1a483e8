"""Downloads of public corpora: laid out, verified or counted, refused where they are not free."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local import registry
from pipeline.io.errors import UserError
from tests.local import tiny_corpora
from tests.local.tiny_corpora import MINI, Spoken, mini_librispeech, prepare


@pytest.mark.parametrize("name", ["timit", "tidigits", "common_voice"])
def test_what_cannot_be_fetched_is_said(tmp_path: Path, name: str) -> None:
    module = registry.load_module(registry.find_entry(name))
    with pytest.raises(UserError, match="cannot be fetched without you: get it from https://"):
        module.download(tmp_path)


def test_parts_of_openslr_are_laid_side_by_side(
    tmp_path: Path, spoken: Spoken, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from local import mini_librispeech as module
    from local import openslr

    source = mini_librispeech(tmp_path / "source", spoken)
    home = tmp_path / "home"
    for resource in ("11", "31"):
        (home / resource).mkdir(parents=True)
    shutil.copy(source / openslr.LEXICON, home / "11")
    for part in module.PARTS:
        archive = home / "31" / part
        shutil.make_archive(str(archive), "gztar", source, f"LibriSpeech/{part}")
        monkeypatch.setitem(openslr.PARTS, part, openslr.Part(31))
    folder = openslr.fetch_parts(module.PARTS, tmp_path / "target", home.as_uri())
    assert len(prepare("mini_librispeech", folder, MINI, tmp_path).utterances) == 16
    assert capsys.readouterr().err.count("no checksum of it is known; the SHA-256 of") == 3
    monkeypatch.setitem(openslr.PARTS, "dev-clean-2", openslr.Part(31, md5="0" * 32))
    shutil.rmtree(folder / "LibriSpeech" / "dev-clean-2")
    with pytest.raises(UserError, match=r"MD5 is .*, expected 000"):
        openslr.fetch_parts(module.PARTS, tmp_path / "target", home.as_uri())


@pytest.mark.parametrize(
    ("name", "tree", "said"),
    [
        ("an4", tiny_corpora.an4, "12 and 4 recordings, expected 948 and 130"),
        ("audio_mnist", tiny_corpora.audio_mnist, "16 recordings, expected 30000"),
    ],
)
def test_an_archive_without_checksum_is_counted(
    tmp_path: Path,
    spoken: Spoken,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    tree: Callable[[Path, Spoken], Path],
    said: str,
) -> None:
    module = registry.load_module(registry.find_entry(name))
    tree(tmp_path / "source" / "an4_or_repository", spoken)
    packed = shutil.make_archive(str(tmp_path / "corpus"), "gztar", tmp_path / "source")
    url = Path(packed).as_uri()
    if name == "an4":
        monkeypatch.setattr(module, "URLS", (url,))
    else:
        monkeypatch.setattr(module, "AUDIO_MNIST_URL", url)
    with pytest.raises(UserError, match=said):
        module.download(tmp_path / "target")
    assert not (tmp_path / "target" / "corpus").exists()
    sizes = {"an4": {"NUM_TRAIN": 12, "NUM_TEST": 4}, "audio_mnist": {"NUM_RECORDINGS": 16}}
    for constant, size in sizes[name].items():
        monkeypatch.setattr(module, constant, size)
    found = module.download(tmp_path / "target")
    assert len(prepare(name, found, {}, tmp_path).utterances) == 16
