"""LibriSpeech (OpenSLR SLR12, CC BY 4.0): read books at 16 kHz, or a part of it.

Layout: LibriSpeech/{part}/{speaker}/{chapter}/{speaker}-{chapter}-{n}.flac (or .opus), with the
transcripts of a chapter in {speaker}-{chapter}.trans.txt; parts that are not there are left out.
Splits, all with the same training set:
- `official` tests on test-clean;
- `kaldi_five` on five speakers of test-clean, as the figures of Kaldi in recipes/librispeech_part;
- `dev`, for choosing weights: dev-clean, or where that is missing, four other speakers of
  test-clean.
Pronunciations are CMUdict's without stress, of the words of the text for language models; words of
it that CMUdict lacks have those of espeak-ng, mapped to CMUdict's phones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from local.cmudict_lexicon import cmudict_lexicon, read_stressed_lexicon
from local.mapped_lexicon import propose
from pipeline.config import Options
from pipeline.data.corpus import Corpus, LexiconEntry, Splits, Utterance
from pipeline.data.text_files import read_table
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

HOME = "https://www.openslr.org/resources/12"
TEXT = "{part}.all_transcripts.txt"  # transcripts of a whole part of which only some audio is here
ENDINGS = (".flac", ".opus", ".wav")
FIVE = ("61", "1221", "2961", "4992", "7127")
DEV = ("260", "1995", "4507", "8555")


class LibriSpeechOptions(Options):
    """Which parts to train with."""

    train_parts: tuple[str, ...] = ("train-clean-100",)
    test_part: str = "test-clean"
    dev_part: str = "dev-clean"
    lexicon: str | None = None  # in the corpus folder, in CMUdict's phones; default: CMUdict
    # Words of the text that CMUdict lacks: espeak-ng's phonemes, mapped to its phones (espeak), or
    # all of them the unknown word (unknown), as in Kaldi's figures of README.md.
    rest: Literal["espeak", "unknown"] = "espeak"


def download(target: Path) -> Path:
    """Refuse: the parts are many gigabytes, and a user chooses among them.

    Raises:
        UserError: always; says what to fetch.
    """
    raise UserError(
        f"librispeech: fetch the parts that you want from {HOME} (train-clean-100.tar.gz 6 GB, "
        f"test-clean.tar.gz, dev-clean.tar.gz), unpack them in one folder and name it in corpus.dir"
    )


def _chapters(part: Path) -> Iterator[Path]:
    """Transcript files of a part, sorted."""
    yield from sorted(part.glob("*/*/*.trans.txt"))


def _utterances(part: Path) -> tuple[list[Utterance], list[Reject]]:
    """Of every chapter: lines of its transcripts with their audio, and audio without a line."""
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    for chapter in _chapters(part):
        table, bad = read_table(chapter)
        rejects.extend(bad)
        audio = {path.stem: path for path in chapter.parent.iterdir() if path.suffix in ENDINGS}
        for utterance_id, text in table.items():
            path = audio.pop(utterance_id, None)
            if path is None:
                reason, remedy = "transcript without audio", "fetch the file or delete the line"
                rejects.append(Reject(utterance_id, str(chapter), reason, remedy))
                continue
            speaker = utterance_id.partition("-")[0]
            utterances.append(Utterance(utterance_id, path, speaker, text))
        rejects.extend(
            Reject(name, str(path), "audio without transcript", f"add its line to {chapter}")
            for name, path in sorted(audio.items())
            if not any(reject.utterance_id == name for reject in bad)
        )
    for folder in sorted(part.glob("*/*")):
        if folder.is_dir() and not any(folder.glob("*.trans.txt")):
            remedy = "restore the file of the chapter's transcripts"
            rejects.append(Reject("-", str(folder), "chapter without transcripts", remedy))
    return utterances, rejects


def _text(corpus_dir: Path, parts: Iterable[str], spoken: list[Utterance]) -> list[str]:
    """Sentences for language models: all transcripts of the training parts."""
    sentences: list[str] = []
    for part in parts:
        file = corpus_dir / TEXT.format(part=part)
        if file.is_file():
            table, _ = read_table(file)
            sentences.extend(table.values())
    return sentences or [utterance.text or "" for utterance in spoken]


def _lexicon(words: list[str], rest: Literal["espeak", "unknown"]) -> list[LexiconEntry]:
    """What CMUdict says of the words, and espeak-ng of the others."""
    lexicon = cmudict_lexicon(words)
    known: dict[str, list[str]] = {}
    for word, _, phones in lexicon:
        known.setdefault(word, phones)
    missing = [word for word in words if word not in known]
    if rest == "unknown" or not known or not missing:
        return lexicon
    return sorted([*lexicon, *propose(known, missing).entries], key=lambda entry: entry[0])


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the chapters' transcripts.

    Raises:
        UserError: a part that is asked for is not there.
    """
    chosen = validate_options(LibriSpeechOptions, options, "corpus.options")
    home = corpus_dir / "LibriSpeech"
    if not home.is_dir():
        home = corpus_dir
    found: dict[str, list[Utterance]] = {}
    rejects: list[Reject] = []
    for part in (*chosen.train_parts, chosen.test_part, chosen.dev_part):
        if not (home / part).is_dir():
            if part == chosen.dev_part != chosen.test_part:
                continue
            raise UserError(
                f"{home / part}: no such folder; fetch it from {HOME} or point corpus.dir at a "
                "folder that holds LibriSpeech/"
            )
        found[part], bad = _utterances(home / part)
        rejects.extend(bad)
    train = [utterance for part in chosen.train_parts for utterance in found[part]]
    test = found[chosen.test_part]
    dev = found.get(chosen.dev_part) or [u for u in test if u.speaker in DEV]
    tests = {
        "official": test,
        "kaldi_five": [u for u in test if u.speaker in FIVE],
        "dev": dev,
    }
    splits: Splits = {
        name: {
            "train": [u.utterance_id for u in train],
            "test": [u.utterance_id for u in utterances],
        }
        for name, utterances in tests.items()
        if utterances
    }
    sentences = _text(corpus_dir, chosen.train_parts, train)
    words = sorted({word for sentence in sentences for word in sentence.split()})
    everything = {u.utterance_id: u for us in found.values() for u in us}
    return Corpus(
        list(everything.values()),
        _lexicon(words, chosen.rest)
        if chosen.lexicon is None
        else read_stressed_lexicon(corpus_dir / chosen.lexicon),
        splits,
        rejects,
        unknown_word="<UNK>",
        sentences=sentences,
    )
