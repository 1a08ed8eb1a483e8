"""Speech Commands as its two releases have it: all words, with the lists of their authors.

Layout: {word}/{speaker}_nohash_{n}.wav, validation_list.txt, testing_list.txt. Split `official`:
all files of no list train, those of testing_list.txt test; `validation`: the same against
validation_list.txt. No speaker is in two of the three. Pronunciations are CMUdict's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.cmudict_lexicon import cmudict_lexicon
from local.speech_commands import FILE_NAME, audio_files
from pipeline.config import Options
from pipeline.data.corpus import Corpus, Utterance
from pipeline.data.text_files import read_table
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

LISTS = {"official": "testing_list.txt", "validation": "validation_list.txt"}
WORDS_V1 = (
    *("bed", "bird", "cat", "dog", "down", "eight", "five", "four", "go", "happy", "house", "left"),
    *(
        "marvin",
        "nine",
        "no",
        "off",
        "on",
        "one",
        "right",
        "seven",
        "sheila",
        "six",
        "stop",
        "three",
    ),
    *("tree", "two", "up", "wow", "yes", "zero"),
)
WORDS_V2 = tuple(sorted((*WORDS_V1, "backward", "follow", "forward", "learn", "visual")))


class ListOptions(Options):
    """Which of the release's words the recipe knows."""

    words: tuple[str, ...] | None = None  # default: all


def _read_lists(corpus_dir: Path) -> tuple[dict[str, str], list[Reject]]:
    """{word}/{file}.wav -> the split that tests with it.

    Raises:
        UserError: a list is missing.
    """
    listed: dict[str, str] = {}
    rejects: list[Reject] = []
    for split, file in LISTS.items():
        path = corpus_dir / file
        if not path.is_file():
            raise UserError(f"{path}: no such file; point corpus.dir at Speech Commands")
        table, bad = read_table(path, needs_value=False)
        rejects += bad
        for name in table:
            if name in listed:
                reason, remedy = "stands in both lists", "delete it from one"
                rejects.append(Reject(name, str(path), reason, remedy))
            else:
                listed[name] = split
    return listed, rejects


def prepare_release(corpus_dir: Path, options: dict[str, Any], release: tuple[str, ...]) -> Corpus:
    """Pair the files with the lists.

    Args:
        release: the words that it has.
    Raises:
        UserError: a word that the release does not have, or a list is missing.
    """
    chosen = validate_options(ListOptions, options, "corpus.options")
    words = chosen.words or release
    for word in words:
        if word not in release:
            known = ", ".join(release)
            raise UserError(
                f"corpus.options.words: {word}: not a word of the corpus; it has {known}"
            )
    listed, rejects = _read_lists(corpus_dir)
    utterances: list[Utterance] = []
    ids: dict[str, list[str]] = {"train": [], **{name: [] for name in LISTS}}
    seen: set[str] = set()
    for word, path in audio_files(corpus_dir, words):
        name = f"{word}/{path.stem}.wav"
        seen.add(name)
        match = FILE_NAME.fullmatch(path.stem)
        if match is None:
            reason, remedy = "the name is not {speaker}_nohash_{n}", "rename or delete it"
            rejects.append(Reject("-", str(path), reason, remedy))
            continue
        utterance_id = f"{match[1]}-{word}-{match[2]}"
        utterances.append(Utterance(utterance_id, path, match[1], word.upper()))
        ids[listed.get(name, "train")].append(utterance_id)
    for name in listed:
        if name not in seen and name.partition("/")[0] in words:
            reason, remedy = "listed without audio: no such file", "restore it or delete its line"
            rejects.append(Reject(name, str(corpus_dir / name), reason, remedy))
    splits = {name: {"train": ids["train"], "test": ids[name]} for name in LISTS if ids[name]}
    lexicon = cmudict_lexicon(sorted(word.upper() for word in words))
    return Corpus(utterances, lexicon, splits, rejects)
