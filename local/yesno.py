"""OpenSLR SLR1 `waves_yesno`: one speaker says Hebrew yes or no eight times in each of 60 files.

Layout: waves_yesno/{0|1}_..._{0|1}.wav, 8 kHz; the name is the transcript, 1 = YES, 0 = NO.
Split `official` is that of Kaldi's egs/yesno/s5: of its sorted listing of 62 names (60 recordings
and two README files, which come last) the first half, so 31 recordings, trains, and the other 29
test. The words are Hebrew, ken (yes) and lo (no), and so are the pronunciations here. Kaldi's
lexicon has one phone a word, which learns the silence before the first word with it: all training
recordings begin with NO.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pipeline.config import Options
from pipeline.data.corpus import Corpus, Utterance
from pipeline.data.download import fetch_corpus
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

URLS = ("https://www.openslr.org/resources/1/waves_yesno.tar.gz",)
ARCHIVE_SHA256 = "c3f49e0cca421f96b75b41640749167b52118f232498667ca7a5f9416aef8e73"
FILE_NAME = re.compile(r"[01](_[01])*")
WORD_OF = {"0": "NO", "1": "YES"}
LEXICON = [("NO", 1.0, ["L", "OW"]), ("YES", 1.0, ["K", "EH", "N"])]
NUM_TRAIN = 31
SPEAKER = "global"  # Kaldi's name for the one speaker


class YesnoOptions(Options):
    """Nothing to choose."""


def download(target: Path) -> Path:
    """Fetch the archive from OpenSLR and verify it; return the corpus folder.

    Raises:
        UserError: no connection, or a wrong checksum (then nothing is kept).
    """
    return fetch_corpus(URLS, target, "waves_yesno", ARCHIVE_SHA256)


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the file names, which are the transcripts.

    Raises:
        UserError: no waves_yesno/ folder, or no audio in it.
    """
    validate_options(YesnoOptions, options, "corpus.options")
    folder = corpus_dir / "waves_yesno"
    files = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder}: no recordings; point corpus.dir at the folder that holds it")
    utterances, rejects = [], []
    for path in files:
        if FILE_NAME.fullmatch(path.stem) is None:
            reason = "audio without transcript: the name is not 0s and 1s joined by _"
            rejects.append(Reject("-", str(path), reason, "rename or delete it"))
            continue
        text = " ".join(WORD_OF[digit] for digit in path.stem.split("_"))
        utterances.append(Utterance(path.stem, path, SPEAKER, text))
    ids = [utterance.utterance_id for utterance in utterances]
    official = {"train": ids[:NUM_TRAIN], "test": ids[NUM_TRAIN:]}
    return Corpus(utterances, list(LEXICON), {"official": official}, rejects)
