"""The registry: each corpus has a module that offers what its kind needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.registry import CORPORA, find_entry, load_module
from pipeline.io.errors import UserError


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_each_corpus_can_be_prepared_and_if_real_downloaded(name: str) -> None:
    entry = find_entry(name)
    module = load_module(entry)
    assert callable(module.prepare)
    assert hasattr(module, "download") == (entry.source in ("folder", "made_from"))


@pytest.mark.parametrize("name", [name for name in CORPORA if CORPORA[name].supplied])
def test_what_the_user_supplies_is_not_downloaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{name}: .*https://"):
        load_module(find_entry(name)).download(tmp_path)


def test_an_unknown_corpus_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="switchboard: unknown corpus; known are an4, audio_mnist"):
        find_entry("switchboard")
