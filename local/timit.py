"""TIMIT (LDC93S1): read sentences at 16 kHz with hand-made phone labels; phones are the words here.

Layout: {TRAIN,TEST}/{dialect}/{speaker}/{sentence}.WAV (NIST SPHERE), .PHN (`start end phone` in
samples), .WRD, .TXT; upper or lower case, also below data/. Sentences SA1 and SA2, which everybody
reads, are left out. Split `official`: 462 training speakers against the core test of 24; `dev`: the
same against Kaldi's 50 development speakers (both lists are lhotse's). The 61 labelled phones are
trained as 48 and scored as 39 (Lee and Hon, 1989): decode.count_as in recipes/timit/config.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.licensed import child, find_folder, refuse_download
from pipeline.config import Options
from pipeline.data.corpus import Corpus, Utterance
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject


class TimitOptions(Options):
    """Nothing to choose."""


def phone_maps() -> tuple[dict[str, str], dict[str, str]]:
    """61 labels -> 48 phones ("": left out), and 48 phones -> 39, by lhotse's tables."""
    from lhotse.recipes.timit import get_phonemes

    to_48, to_39 = get_phonemes(48), get_phonemes(39)
    # Each of the 48 goes where the labels that make it go.
    from_48 = {phone: to_39[label] for label, phone in to_48.items() if phone}
    return to_48, from_48


def download(target: Path) -> Path:
    """Refuse: the corpus is sold.

    Raises:
        UserError: always; says where it is.
    """
    raise refuse_download("timit", "https://catalog.ldc.upenn.edu/LDC93S1")


def _recordings(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*/*")):
        if path.suffix.lower() == ".wav" and not path.stem.lower().startswith("sa"):
            yield path


def read_phones(path: Path, to_48: dict[str, str]) -> list[str]:
    """The 48-phone sequence of a .PHN file.

    Raises:
        ValueError: a line is not `start end phone`, or the phone is none of the 61.
    """
    phones: list[str] = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        fields = line.split()
        if len(fields) != 3 or fields[2] not in to_48:
            raise ValueError(f"line {number} is not 'start end phone' of the 61 phones")
        phone = to_48[fields[2]]
        if phone:
            phones.append(phone)
    return phones


def _utterance(path: Path, to_48: dict[str, str]) -> Utterance | Reject:
    speaker = path.parent.name.lower()
    utterance_id = f"{speaker}-{path.stem.lower()}"
    labels = next(
        (p for p in path.parent.glob(f"{path.stem}.*") if p.suffix.lower() == ".phn"), None
    )
    if labels is None:
        remedy = "restore the .PHN file beside it"
        return Reject(utterance_id, str(path), "audio without transcript", remedy)
    try:
        phones = read_phones(labels, to_48)
    except ValueError as error:
        return Reject(utterance_id, str(labels), f"labels: {error}", "restore the file")
    return Utterance(utterance_id, path, speaker, " ".join(phones))


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the phone labels.

    Raises:
        UserError: no TRAIN/ or TEST/, or no recording in them.
    """
    from lhotse.recipes.timit import get_speakers

    validate_options(TimitOptions, options, "corpus.options")
    home = find_folder(corpus_dir, {"train", "test"}, "TIMIT")
    to_48, from_48 = phone_maps()
    dev_speakers, core_speakers = map(set, get_speakers())
    utterances: list[Utterance] = []
    rejects: list[Reject] = []
    ids: dict[str, list[str]] = {"train": [], "official": [], "dev": []}
    for set_name in ("train", "test"):
        for path in _recordings(child(home, set_name)):
            speaker = path.parent.name.lower()
            if set_name == "train":
                name = "train"
            elif speaker in core_speakers:
                name = "official"
            elif speaker in dev_speakers:
                name = "dev"
            else:
                continue
            found = _utterance(path, to_48)
            if isinstance(found, Reject):
                rejects.append(found)
                continue
            utterances.append(found)
            ids[name].append(found.utterance_id)
    if not utterances:
        raise UserError(f"{home}: no recording; point corpus.dir at TIMIT")
    splits = {
        name: {"train": ids["train"], "test": ids[name]}
        for name in ("official", "dev")
        if ids[name]
    }
    # A phone is the word that is spoken as itself.
    return Corpus(utterances, [(p, 1.0, [p]) for p in sorted(from_48)], splits, rejects)
