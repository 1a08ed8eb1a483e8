"""Mini LibriSpeech (OpenSLR 31, CC BY 4.0): 5 h of LibriSpeech to train with, 2 h to test with."""

from __future__ import annotations

from pathlib import Path

from local import librispeech, openslr

PARTS = ("train-clean-5", "dev-clean-2")
prepare = librispeech.prepare  # which parts: corpus.options


def download(target: Path) -> Path:
    """Fetch the parts and the lexicon from OpenSLR and verify them; return the corpus folder.

    Raises:
        UserError: no connection, or a wrong checksum (then nothing is kept).
    """
    return openslr.fetch_parts(PARTS, target)
