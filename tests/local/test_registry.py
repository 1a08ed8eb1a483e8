"""The registry: each corpus has a module that offers what its kind needs."""

from __future__ import annotations

import pytest

from local.registry import CORPORA, find_entry, load_module
from pipeline.io.errors import UserError


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_each_corpus_can_be_prepared_and_if_real_downloaded(name: str) -> None:
    entry = find_entry(name)
    module = load_module(entry)
    assert callable(module.prepare)
    assert hasattr(module, "download") == (entry.source in ("folder", "made_from"))


def test_an_unknown_corpus_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="switchboard: unknown corpus; known are an4, audio_mnist"):
        find_entry("switchboard")
