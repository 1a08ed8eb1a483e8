"""Google Speech Commands v0.01: one-second recordings of single words at 16 kHz (CC BY 4.0).

Layout: {word}/{speaker}_nohash_{n}.wav (or .opus, .flac). Split `official`:
- where lists/train.text and lists/dev.text are (`{word}_{speaker}_nohash_{n} {word}` lines, of
  github.com/anshulgupta0803/isolated-speech-commands), they are the train and test sets;
- in the original archive, the files of testing_list.txt are the test set and all others train.
Both keep each speaker in one set only. Pronunciations are CMUdict's, without stress.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.digits import PRONUNCIATIONS as DIGIT_PRONUNCIATIONS
from pipeline.config import Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.data.download import fetch_corpus
from pipeline.data.text_files import read_table
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

URLS = ("https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",)
ARCHIVE_SHA256 = "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"
TEST_LIST = "testing_list.txt"
LISTS = {"train": "train.text", "test": "dev.text"}
ENDINGS = (".wav", ".opus", ".flac")
FILE_NAME = re.compile(r"([0-9a-z]+)_nohash_([0-9]+)")
PRONUNCIATIONS: dict[str, tuple[str, ...]] = {
    **DIGIT_PRONUNCIATIONS,
    "BED": ("B EH D",),
    "BIRD": ("B ER D",),
    "CAT": ("K AE T",),
    "DOG": ("D AO G",),
    "DOWN": ("D AW N",),
    "GO": ("G OW",),
    "HAPPY": ("HH AE P IY",),
    "HOUSE": ("HH AW S",),
    "LEFT": ("L EH F T",),
    "MARVIN": ("M AA R V IH N",),
    "NO": ("N OW",),
    "OFF": ("AO F",),
    "ON": ("AA N", "AO N"),
    "RIGHT": ("R AY T",),
    "SHEILA": ("SH IY L AH",),
    "STOP": ("S T AA P",),
    "TREE": ("T R IY",),
    "UP": ("AH P",),
    "WOW": ("W AW",),
    "YES": ("Y EH S",),
}


class SpeechCommandsOptions(Options):
    """Which of the 30 words the recipe knows."""

    words: tuple[str, ...] = (
        "down",
        "eight",
        "five",
        "go",
        "left",
        "one",
        "right",
        "up",
        "zero",
    )


def download(target: Path) -> Path:
    """Fetch the original archive (1.5 GB) and verify it; return the corpus folder.

    Raises:
        UserError: no connection, or a wrong checksum (then nothing is kept).
    """
    return fetch_corpus(URLS, target, TEST_LIST, ARCHIVE_SHA256)


def audio_files(corpus_dir: Path, words: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """(word, file) of all audio below the words' folders, sorted."""
    for word in sorted(words):
        folder = corpus_dir / word
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in ENDINGS:
                yield word, path


def _read_lists(corpus_dir: Path) -> tuple[dict[str, tuple[str, str]], list[Reject]] | None:
    """`{word}_{stem}` -> (set, word), from the lists that the folder has; None if it has none."""
    listed: dict[str, tuple[str, str]] = {}
    rejects: list[Reject] = []
    if (corpus_dir / "lists").is_dir():
        for name, file in LISTS.items():
            table, bad = read_table(corpus_dir / "lists" / file)
            rejects.extend(bad)
            listed.update({key: (name, word) for key, word in table.items()})
        return listed, rejects
    if (corpus_dir / TEST_LIST).is_file():
        test, rejects = read_table(corpus_dir / TEST_LIST, needs_value=False)
        return {name.replace("/", "_").removesuffix(".wav"): ("test", "") for name in test}, rejects
    return None


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Pair the files with the lists.

    Raises:
        UserError: an unknown word is asked for, or there are no lists or no audio.
    """
    chosen = validate_options(SpeechCommandsOptions, options, "corpus.options")
    for word in chosen.words:
        if word.upper() not in PRONUNCIATIONS:
            raise UserError(
                f"corpus.options.words: {word}: not a word of the corpus; "
                f"it has {', '.join(sorted(PRONUNCIATIONS)).lower()}"
            )
    read = _read_lists(corpus_dir)
    if read is None:
        raise UserError(
            f"{corpus_dir}: neither lists/ nor {TEST_LIST}; point corpus.dir at Speech Commands"
        )
    listed, rejects = read
    complete = (corpus_dir / "lists").is_dir()  # these lists name the training files as well
    bad_keys = {reject.utterance_id for reject in rejects}
    utterances: list[Utterance] = []
    official: dict[str, list[str]] = {name: [] for name in SETS}
    seen: set[str] = set()
    for word, path in audio_files(corpus_dir, chosen.words):
        match, key = FILE_NAME.fullmatch(path.stem), f"{word}_{path.stem}"
        seen.add(key)
        if key in bad_keys:
            continue
        if match is None or (complete and key not in listed):
            reason = "audio without transcript: it is in no list"
            rejects.append(Reject("-", str(path), reason, "add it to a list or delete it"))
            continue
        utterance_id = f"{match[1]}-{word}-{match[2]}"
        name, text = listed.get(key, ("train", ""))
        utterances.append(Utterance(utterance_id, path, match[1], (text or word).upper()))
        official[name].append(utterance_id)
    for key, (_, word) in listed.items():
        if key not in seen and (word or key.partition("_")[0]) in chosen.words:
            path = corpus_dir / key.replace("_", "/", 1)
            reason = "transcript without audio: no such file with any known ending"
            rejects.append(Reject(key, str(path), reason, "restore it or delete its line"))
    lexicon = [
        (word, 1.0, phones.split())
        for word in sorted(word.upper() for word in chosen.words)
        for phones in PRONUNCIATIONS[word]
    ]
    return Corpus(utterances, lexicon, {"official": official}, rejects)
