"""AN4 (CMU, 1991): spelled names, addresses and numbers at 16 kHz, 948 utterances and 130 to test.

Layout: an4/etc/an4_{train,test}.transcription (`<s> WORDS </s> (an251-fash-b)` lines), an4.dic, and
an4/wav/{an4,an4test}_clstk/{speaker}/{name}.sph (NIST SPHERE), or .raw (big-endian, without header;
then copies in WAV are made). Split `official`: as the lists. Pronunciations: an4.dic.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from local.converted import converted
from local.licensed import find_folder
from pipeline.config import Count, Options
from pipeline.data.corpus import Corpus, LexiconEntry, Utterance
from pipeline.data.download import fetch_corpus
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

URLS = (
    "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
    "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz",
)
LISTS = {
    "train": ("an4_train.transcription", "an4_clstk"),
    "test": ("an4_test.transcription", "an4test_clstk"),
}
ENDINGS = (".sph", ".wav", ".raw")
RAW = {"samplerate": 16000, "channels": 1, "format": "RAW", "subtype": "PCM_16", "endian": "BIG"}
LINE = re.compile(r"(?:<s>)?(?P<text>.*?)(?:</s>)?\s*\((?P<name>[^()\s]+)\)")
NAME = re.compile(r"([^-]+)-([^-]+)-([^-]+)")  # text, speaker, session
NUM_TRAIN, NUM_TEST = 948, 130


class An4Options(Options):
    """Nothing to choose; where converted audio goes is given by the program."""

    sampling_rate: Count = 16000
    converted: str = "converted"
    num_threads: Count = 1


def _verify(folder: Path) -> None:
    counts = tuple(
        len(list((folder / "wav" / audio).glob("*/*.sph"))) for _, audio in LISTS.values()
    )
    if counts != (NUM_TRAIN, NUM_TEST):
        raise UserError(
            f"an4: {counts[0]} and {counts[1]} recordings, expected {NUM_TRAIN} and {NUM_TEST}; "
            "the archive was changed: set corpus.dir to another copy"
        )


def download(target: Path) -> Path:
    """Fetch the SPHERE archive, whose checksum nobody publishes; return the corpus folder.

    Raises:
        UserError: no connection, or not 948 and 130 recordings (then nothing is kept).
    """
    return fetch_corpus(URLS, target, "**/etc", None, _verify)


def read_dictionary(path: Path) -> list[LexiconEntry]:
    """`WORD PHONES` and `WORD(2) PHONES` lines.

    Raises:
        UserError: no such file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; restore an4.dic")
    entries = {
        (re.sub(r"\(\d+\)$", "", fields[0]), tuple(fields[1:])): None
        for fields in map(str.split, path.read_text(encoding="utf-8").splitlines())
        if len(fields) > 1
    }
    return [(word, 1.0, list(phones)) for word, phones in entries]


def _read_list(path: Path, audio: Path) -> tuple[list[Utterance], list[Reject]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; restore the list of transcripts")
    files = {file.stem: file for file in sorted(audio.glob("*/*")) if file.suffix in ENDINGS}
    utterances, rejects = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = LINE.fullmatch(line.strip())
        name = NAME.fullmatch(match["name"]) if match else None
        if match is None or name is None:
            if line.strip():
                reason = f"line {number} is not '<s> WORDS </s> (name)'"
                rejects.append(Reject("-", str(path), reason, "correct or delete the line"))
            continue
        speaker = name[2]
        file = files.pop(match["name"], audio / speaker / f"{match['name']}.sph")
        utterance_id = f"{speaker}-{name[1]}-{name[3]}"
        utterances.append(Utterance(utterance_id, file, speaker, match["text"].strip()))
    for stem, file in files.items():
        reason, remedy = "audio without transcript", f"add its line to {path.name}"
        rejects.append(Reject(stem, str(file), reason, remedy))
    return utterances, rejects


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the lists and find their audio.

    Raises:
        UserError: etc/ or wav/, a list or the dictionary is missing.
    """
    chosen = validate_options(An4Options, options, "corpus.options")
    home = find_folder(corpus_dir, {"etc", "wav"}, "AN4")
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    official: dict[str, list[str]] = {}
    for set_name, (file, audio) in LISTS.items():
        found, bad = _read_list(home / "etc" / file, home / "wav" / audio)
        utterances += found
        rejects += bad
        official[set_name] = [utterance.utterance_id for utterance in found]
    raw = [utterance for utterance in utterances if utterance.audio.suffix == ".raw"]
    if raw:
        made, bad = converted(
            raw, Path(chosen.converted), chosen.sampling_rate, chosen.num_threads, RAW
        )
        utterances = [u for u in utterances if u.audio.suffix != ".raw"] + made
        rejects += bad
    lexicon = read_dictionary(home / "etc" / "an4.dic")
    return Corpus(utterances, lexicon, {"official": official}, rejects)
