"""LibriSpeech's 100 hours of clean speech to train with (OpenSLR 12, CC BY 4.0)."""

from __future__ import annotations

from pathlib import Path

from local import librispeech, openslr

PARTS = ("train-clean-100", "dev-clean", "test-clean")
prepare = librispeech.prepare  # which parts: corpus.options


def download(target: Path) -> Path:
    """Fetch the parts and the lexicon from OpenSLR and verify them; return the corpus folder.

    Raises:
        UserError: no connection, or a wrong checksum (then nothing is kept).
    """
    return openslr.fetch_parts(PARTS, target)
