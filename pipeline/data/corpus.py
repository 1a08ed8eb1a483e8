"""What local/<corpus>.py hands over: utterances, lexicon, splits and what could not be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.io.rejects import Reject

LexiconEntry = tuple[str, float, list[str]]  # word, pronunciation probability (0, 1], phones
Splits = dict[str, dict[str, list[str]]]  # split -> {"train": utterance ids, "test": ...}
SETS = ("train", "test")


@dataclass(frozen=True)
class Utterance:
    """One stretch of speech and its words.

    Attributes:
        utterance_id: unique; starts with the speaker and "-" where Kaldi is to sort by speaker.
        audio: the file that holds it.
        speaker: name used for CMVN and speaker adaptation.
        text: words separated by white space; None: no transcript was found.
        start: seconds from the start of the file.
        duration: seconds; None: to the end of the file.
        recording_id: shared by utterances of one file; None: the utterance_id.
    """

    utterance_id: str
    audio: Path
    speaker: str
    text: str | None
    start: float = 0.0
    duration: float | None = None
    recording_id: str | None = None


@dataclass(frozen=True)
class Corpus:
    """A corpus as found, not yet checked.

    Attributes:
        splits: may name utterances that are rejected later; they are dropped there.
        rejects: lines and files that gave no utterance at all.
        sentences: text for language models, beside or in place of the transcripts.
        unknown_word: words outside the lexicon are kept if this is set (LangOptions has the same).
    """

    utterances: list[Utterance]
    lexicon: list[LexiconEntry]
    splits: Splits
    rejects: list[Reject] = field(default_factory=list)
    unknown_word: str | None = None
    sentences: list[str] = field(default_factory=list)
