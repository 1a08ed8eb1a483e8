"""AudioMNIST: the ten digits, 50 times by each of 60 speakers, single words at 48 kHz.

Layout: data/{speaker}/{digit}_{speaker}_{n}.wav, speakers 01 to 60. Split `official`: every fifth
speaker (05, 10, ... 60) is the test, the others train; option `test_speakers` takes other ones,
such as a fold of Becker et al. (2018), who cross-validate with twelve speakers each.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lhotse.recipes.audio_mnist import AUDIO_MNIST_URL

from local.digits import DIGIT_WORDS, digit_lexicon
from pipeline.config import Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.data.download import fetch_corpus
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

FILE_NAME = re.compile(r"([0-9])_([0-9]{2})_([0-9]+)")
NUM_RECORDINGS = 30000


class AudioMnistOptions(Options):
    """Who is not heard in training."""

    test_speakers: tuple[str, ...] = tuple(f"{number:02}" for number in range(5, 61, 5))


def _verify(folder: Path) -> None:
    found = sum(1 for _ in folder.glob("data/*/*.wav"))
    if found != NUM_RECORDINGS:
        raise UserError(
            f"audio_mnist: {found} recordings, expected {NUM_RECORDINGS}; "
            "it was changed at its home: set corpus.dir to another copy"
        )


def download(target: Path) -> Path:
    """Fetch the repository, which GitHub packs anew at each request; return the corpus folder.

    Raises:
        UserError: no connection, or not 30,000 recordings (then nothing is kept).
    """
    return fetch_corpus((AUDIO_MNIST_URL,), target, "*/data", None, _verify)


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the file names, which are the transcripts.

    Raises:
        UserError: no data/, no recording in it, or a test speaker who is not there.
    """
    chosen = validate_options(AudioMnistOptions, options, "corpus.options")
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    official: dict[str, list[str]] = {name: [] for name in SETS}
    for path in sorted((corpus_dir / "data").glob("*/*.wav")):
        match = FILE_NAME.fullmatch(path.stem)
        if match is None or match[2] != path.parent.name:
            reason = "audio without transcript: the name is not {digit}_{folder}_{n}"
            rejects.append(Reject("-", str(path), reason, "rename or delete it"))
            continue
        digit, speaker, number = match.groups()
        utterance_id = f"{speaker}-{digit}-{number}"
        utterances.append(Utterance(utterance_id, path, speaker, DIGIT_WORDS[int(digit)]))
        official["test" if speaker in chosen.test_speakers else "train"].append(utterance_id)
    if not utterances:
        raise UserError(f"{corpus_dir}/data: no recordings; point corpus.dir at AudioMNIST")
    return Corpus(utterances, digit_lexicon(), {"official": official}, rejects)
