"""Google Speech Commands v0.02, complete: 105,829 recordings of 35 words (CC BY 4.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.speech_commands_lists import LISTS, WORDS_V2, prepare_release
from pipeline.data.corpus import Corpus
from pipeline.data.download import fetch_corpus

URLS = ("https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",)
# As torchaudio has it.
ARCHIVE_SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"


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
    return prepare_release(corpus_dir, options, WORDS_V2)
