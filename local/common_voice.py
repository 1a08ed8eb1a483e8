"""Mozilla Common Voice (CC0), any language: read sentences of many people, MP3.

Layout: {release}/{language}/{train,dev,test}.tsv with columns client_id, path and sentence, and
clips/{path}; corpus.dir is the release or the language's folder. MP3 of any rate becomes WAV at
features.sampling_rate, once. Splits: `official` tests on test.tsv, `dev` on dev.tsv.
Pronunciations: the file of option `lexicon`, else CMUdict for English and espeak-ng's phonemes for
every other language; read and correct those.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local.cmudict_lexicon import cmudict_lexicon
from local.converted import converted
from local.espeak_lexicon import propose_pronunciations
from local.licensed import refuse_download
from pipeline.config import Count, Options
from pipeline.data.corpus import Corpus, LexiconEntry, Utterance
from pipeline.data.lexicon import read_lexicon
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

COLUMNS = ("client_id", "path", "sentence")
TESTS = {"official": "test", "dev": "dev"}  # split -> table
SPEAKER_LENGTH = 16  # characters of a client's 128 that are kept


class CommonVoiceOptions(Options):
    """Which language; where converted audio goes is given by the program."""

    language: str = "en"  # the folder's name
    lexicon: str | None = None  # lexicon.txt or lexiconp.txt, words in upper case
    voice: str | None = None  # of espeak-ng, for its phonemes; default: the language
    sampling_rate: Count = 16000
    converted: str = "converted"
    num_threads: Count = 1


def download(target: Path) -> Path:
    """Refuse: the licence must be accepted first.

    Raises:
        UserError: always; says where it is.
    """
    raise refuse_download("common_voice", "https://commonvoice.mozilla.org/datasets")


def normalised(sentence: str) -> str:
    """In upper case, without punctuation; apostrophes and hyphens within words stay.

    Characters outside letters, marks and digits separate words.
    """
    text = unicodedata.normalize("NFC", sentence).replace("’", "'").upper()
    kept = (c if c in "'-" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return " ".join(word for word in (w.strip("'-") for w in "".join(kept).split()) if word)


def read_clips(path: Path, clips: Path) -> tuple[list[Utterance], list[Reject]]:
    """Utterances of a table; lines that are none.

    Raises:
        UserError: no such file, not UTF-8, or a column is missing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; point corpus.dir at the release") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; fetch the release again") from None
    # Quotation marks in a sentence are not closed: they are no quoting.
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; fetch the release again")
    utterances, rejects = [], []
    for number, row in enumerate(rows, 2):
        client, file, sentence = (row[name] for name in COLUMNS)
        if not client or not file or sentence is None:
            reason = f"line {number} has too few columns"
            rejects.append(Reject(file or "-", str(path), reason, "complete or delete it"))
            continue
        speaker = client[:SPEAKER_LENGTH]
        stem = Path(file).stem
        name = f"{stem}.mp3" if Path(file).suffix == "" else file
        utterance_id = f"{speaker}-{stem}"
        utterances.append(Utterance(utterance_id, clips / name, speaker, normalised(sentence)))
    return utterances, rejects


def make_lexicon(words: Iterable[str], chosen: CommonVoiceOptions) -> list[LexiconEntry]:
    """Pronunciations as the options say.

    Raises:
        UserError: the lexicon's file is missing, or espeak-ng does not know the voice.
    """
    if chosen.lexicon is not None:
        path = Path(chosen.lexicon)
        if not path.is_file():
            raise UserError(f"corpus.options.lexicon: {path}: no such file; correct the path")
        return read_lexicon(path)
    if chosen.language == "en":
        return cmudict_lexicon(words)
    return propose_pronunciations(words, chosen.voice or chosen.language.lower())


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the tables, convert their clips.

    Raises:
        UserError: a table is missing, or has other columns.
    """
    chosen = validate_options(CommonVoiceOptions, options, "corpus.options")
    below = corpus_dir / chosen.language
    home = below if below.is_dir() else corpus_dir
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    ids: dict[str, list[str]] = {}
    for table in ("train", *TESTS.values()):
        found, bad = read_clips(home / f"{table}.tsv", home / "clips")
        utterances += found
        rejects += bad
        ids[table] = [utterance.utterance_id for utterance in found]
    good, bad = converted(
        utterances, Path(chosen.converted), chosen.sampling_rate, chosen.num_threads
    )
    words = sorted({word for utterance in good for word in (utterance.text or "").split()})
    splits = {
        split: {"train": ids["train"], "test": ids[table]}
        for split, table in TESTS.items()
        if ids[table]
    }
    return Corpus(good, make_lexicon(words, chosen), splits, rejects + bad, unknown_word="<UNK>")
