"""LibriSpeech's archives at OpenSLR: fetched part by part, verified, laid side by side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.data.download import fetch, unpack
from pipeline.io.errors import UserError

HOME = "https://www.openslr.org/resources"
LEXICON = "librispeech-lexicon.txt"  # 200,000 words; of OpenSLR 11, as are the language models


class Part(NamedTuple):
    """An archive; checksums as torchaudio (SHA-256) and OpenSLR's md5sum.txt (MD5) have them."""

    resource: int
    sha256: str | None = None
    md5: str | None = None


PARTS = {
    "dev-clean": Part(12, "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3"),
    "test-clean": Part(12, "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"),
    "train-clean-100": Part(12, "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2"),
    "train-clean-360": Part(12, "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf"),
    "train-other-500": Part(12, "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2"),
    "train-clean-5": Part(31, md5="5df7d4e78065366204ca6845bb08f490"),
    "dev-clean-2": Part(31, md5="6d7ab67ac6a1d2c993d050e16d61080d"),
}


def fetch_parts(names: Sequence[str], target: Path, home: str = HOME) -> Path:
    """Fetch parts, each unpacked to `target`/corpus/LibriSpeech/NAME, and the lexicon beside them.

    Parts that are there already are not fetched again.

    Returns:
        `target`/corpus.
    Raises:
        UserError: no connection, a wrong checksum, or an archive that holds something else.
    """
    folder = target / "corpus"
    for name in names:
        place = folder / "LibriSpeech" / name
        if place.is_dir():
            continue
        part = PARTS[name]
        url = f"{home}/{part.resource}/{name}.tar.gz"
        archive = fetch(url, target / f"{name}.tar.gz", part.sha256, md5=part.md5)
        unpacked = unpack(archive, target / "unpacked")
        if not (unpacked / "LibriSpeech" / name).is_dir():
            raise UserError(f"{url}: holds no LibriSpeech/{name}; set corpus.dir to a copy of it")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(unpacked / "LibriSpeech" / name, place)
        shutil.rmtree(unpacked)
        archive.unlink()
    fetch(f"{home}/11/{LEXICON}", folder / LEXICON)
    return folder
