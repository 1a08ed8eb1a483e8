"""Free Spoken Digit Dataset: ten digits, six speakers, 3000 recordings at 8 kHz (CC BY-SA 4.0).

Layout: recordings/{digit}_{speaker}_{index}.wav, index 0-49.
Splits: `official` tests on indices 0-4 of each digit and speaker; one split for each speaker, by
name, tests on that speaker and trains on the other five.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from local.digits import DIGIT_WORDS, digit_lexicon
from pipeline.config import Options
from pipeline.data.corpus import Corpus, Splits, Utterance
from pipeline.data.download import fetch_corpus, verify_files
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

HOME = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive"
URLS = (f"{HOME}/26eb9aa.tar.gz", f"{HOME}/refs/heads/master.tar.gz")
# Of recordings/*.wav, by pipeline.data.download.digest_of_files: GitHub packs anew each time.
WAVS_SHA256 = "04e1baae96c6a26e39c623f2b01d0182ddae627ba0ac02a3cdc17ba2af99fd9b"
FILE_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.(wav|opus|flac)")
NUM_TEST_INDICES = 5


class FsddOptions(Options):
    """Nothing to choose."""


def download(target: Path) -> Path:
    """Fetch the repository's archive and verify all 3000 recordings; return the corpus folder.

    Raises:
        UserError: no connection, or other recordings than expected (then nothing is kept).
    """

    def verify(folder: Path) -> None:
        verify_files(folder, "recordings/*.wav", WAVS_SHA256)

    return fetch_corpus(URLS, target, "*/recordings", None, verify)


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the file names, which are the transcripts.

    Raises:
        UserError: no recordings/ folder, or nothing in it.
    """
    validate_options(FsddOptions, options, "corpus.options")
    folder = corpus_dir / "recordings"
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder}: no recordings; point corpus.dir at a copy of FSDD")
    utterances, rejects = [], []
    official: dict[str, list[str]] = {"train": [], "test": []}
    for path in files:
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            rejects.append(
                Reject(
                    "-",
                    str(path),
                    "audio without transcript: the name is not DIGIT_SPEAKER_INDEX.wav",
                    "rename or delete it",
                )
            )
            continue
        digit, speaker, index = int(match[1]), match[2], int(match[3])
        utterance_id = f"{speaker}-{digit}-{index:02d}"
        utterances.append(Utterance(utterance_id, path, speaker, DIGIT_WORDS[digit]))
        official["test" if index < NUM_TEST_INDICES else "train"].append(utterance_id)
    splits: Splits = {"official": official}
    for held_out in sorted({utterance.speaker for utterance in utterances}):
        splits[held_out] = {"train": [], "test": []}
        for utterance in utterances:
            part = "test" if utterance.speaker == held_out else "train"
            splits[held_out][part].append(utterance.utterance_id)
    return Corpus(utterances, digit_lexicon(), splits, rejects)
