"""TIDIGITS (LDC93S10): connected digits of 326 men, women, boys and girls, at 20 kHz.

Layout: {train,test}/{man,woman,boy,girl}/{speaker}/{digits}{a|b}.wav, NIST SPHERE without
compression (unpack Shorten files with NIST's w_decode first). The name is the transcript: z is
zero, o is oh. Split `official`: train and test, whose speakers are others. Without the children,
as in Kaldi's egs/tidigits; option `groups` adds them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from local.digits import DIGIT_WORDS, digit_lexicon
from local.licensed import child, find_folder, refuse_download
from pipeline.config import Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

WORD_OF = {**{str(i): word for i, word in enumerate(DIGIT_WORDS)}, "z": "ZERO", "o": "OH"}
FILE_NAME = re.compile(r"([1-9zo]+)([a-z])")


class TidigitsOptions(Options):
    """Whose speech."""

    groups: tuple[Literal["man", "woman", "boy", "girl"], ...] = ("man", "woman")


def download(target: Path) -> Path:
    """Refuse: the corpus is sold.

    Raises:
        UserError: always; says where it is.
    """
    raise refuse_download("tidigits", "https://catalog.ldc.upenn.edu/LDC93S10")


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the file names, which are the transcripts.

    Raises:
        UserError: no train/ or test/, or no recording of the groups in them.
    """
    chosen = validate_options(TidigitsOptions, options, "corpus.options")
    home = find_folder(corpus_dir, set(SETS), "TIDIGITS")
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    official: dict[str, list[str]] = {name: [] for name in SETS}
    for set_name in SETS:
        for path in sorted(child(home, set_name).glob("*/*/*")):
            if path.suffix.lower() != ".wav" or path.parts[-3].lower() not in chosen.groups:
                continue
            match = FILE_NAME.fullmatch(path.stem.lower())
            if match is None:
                reason = "audio without transcript: the name is not digits and a letter"
                rejects.append(Reject("-", str(path), reason, "rename or delete it"))
                continue
            speaker = path.parent.name.lower()
            text = " ".join(WORD_OF[digit] for digit in match[1])
            utterance_id = f"{speaker}-{match[1]}{match[2]}"
            utterances.append(Utterance(utterance_id, path, speaker, text))
            official[set_name].append(utterance_id)
    if not utterances:
        raise UserError(
            f"{home}: no recording of {', '.join(chosen.groups)}; point corpus.dir at TIDIGITS"
        )
    lexicon = [*digit_lexicon(), ("OH", 1.0, ["OW"])]
    return Corpus(utterances, lexicon, {"official": official}, rejects)
