"""Google Speech Commands v0.01, complete: 64,727 recordings of 30 words (CC BY 4.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.speech_commands import ARCHIVE_SHA256, URLS
from local.speech_commands_lists import LISTS, WORDS_V1, prepare_release
from pipeline.data.corpus import Corpus
from pipeline.data.download import fetch_corpus


def download(target: Path) -> Path:
    """Fetch the archive and verify it; return the corpus folder.

    Raises:
        UserError: no connection, or a wrong checksum (then nothing is kept).
    """
    return fetch_corpus(URLS, target, LISTS["official"], ARCHIVE_SHA256)


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Pair the files with the lists.

    Raises:
        UserError: a word that the release does not have, or a list is missing.
    """
    return prepare_release(corpus_dir, options, WORDS_V1)
