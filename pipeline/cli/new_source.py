"""Corpora that `hybrid new` makes recipes for: a table, Kaldi's directories, lhotse's manifests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.data.corpus import Utterance
from pipeline.io.errors import UserError
from pipeline.workflow import shown


@dataclass(frozen=True)
class Source:
    """A corpus as named on the command line."""

    corpus: str  # name in local/registry.py
    options: dict[str, Any]  # of the corpus, without the lexicon
    utterances: list[Utterance]
    train: list[str]  # utterance ids
    num_rejected: int


def recipe_path(path: Path) -> str:
    """As the recipe names it: relative where the recipe is run, else absolute."""
    return str(shown(path.resolve()))


def from_table(audio: Path, text: Path, fraction: float) -> Source:
    """A folder and a table.

    Raises:
        UserError: one is missing or cannot be read.
    """
    from local import table

    utterances, sets, rejects = table.read_utterances(audio, text)
    split = table.make_split(utterances, sets, fraction, text)
    options: dict[str, Any] = {"audio": recipe_path(audio), "text": recipe_path(text)}
    if not sets:
        options["test_fraction"] = fraction
    return Source("table", options, utterances, split["train"], len(rejects))


def from_kaldi(folder: Path, fraction: float) -> Source:
    """A Kaldi data directory, or a folder of two: train and test.

    Raises:
        UserError: there is none.
    """
    from local.held_out import hold_out
    from pipeline.data.kaldi_dir import read_kaldi_dir

    if (folder / "wav.scp").is_file():
        utterances, rejects = read_kaldi_dir(folder)
        train = hold_out(utterances, fraction)["train"]
        options: dict[str, Any] = {"train": recipe_path(folder), "test_fraction": fraction}
        return Source("kaldi_dir", options, utterances, train, len(rejects))
    for name in ("train", "test"):
        if not (folder / name / "wav.scp").is_file():
            raise UserError(
                f"--kaldi {folder}: neither a data directory (wav.scp, text, utt2spk) nor a folder "
                "with the data directories train and test"
            )
    utterances, rejects = read_kaldi_dir(folder / "train")
    test, bad = read_kaldi_dir(folder / "test")
    options = {"train": recipe_path(folder / "train"), "test": recipe_path(folder / "test")}
    train = [utterance.utterance_id for utterance in utterances]
    return Source("kaldi_dir", options, utterances + test, train, len(rejects) + len(bad))


def _manifests(folder: Path, kind: str) -> tuple[Path | None, Path | None]:
    """*KIND*.jsonl(.gz) of a folder: the training part's and the test part's."""
    found = sorted(folder.glob(f"*{kind}*.jsonl*"))
    test = [path for path in found if "test" in path.name]
    train = [path for path in found if path not in test]
    return train[0] if train else None, test[0] if test else None


def from_lhotse(folder: Path, fraction: float) -> Source:
    """A folder with lhotse's manifests; those with `test` in their names are the test.

    Raises:
        UserError: there are none.
    """
    from local import lhotse_manifests
    from local.held_out import hold_out

    recordings, test_recordings = _manifests(folder, "recordings")
    supervisions, test_supervisions = _manifests(folder, "supervisions")
    if recordings is None or supervisions is None:
        raise UserError(f"--lhotse {folder}: no recordings and supervisions (*.jsonl.gz) in it")
    utterances, rejects = lhotse_manifests.read_utterances(recordings, supervisions)
    options: dict[str, Any] = {
        "recordings": recipe_path(recordings),
        "supervisions": recipe_path(supervisions),
    }
    if test_supervisions is None:
        options["test_fraction"] = fraction
        train = hold_out(utterances, fraction)["train"]
        return Source("lhotse_manifests", options, utterances, train, len(rejects))
    more, bad = lhotse_manifests.read_utterances(test_recordings or recordings, test_supervisions)
    options["test_supervisions"] = recipe_path(test_supervisions)
    if test_recordings:
        options["test_recordings"] = recipe_path(test_recordings)
    train = [utterance.utterance_id for utterance in utterances]
    return Source("lhotse_manifests", options, utterances + more, train, len(rejects) + len(bad))


def choose_source(
    audio: Path | None, text: Path | None, kaldi: Path | None, lhotse: Path | None, fraction: float
) -> Source:
    """The corpus that the options of `hybrid new` name.

    Raises:
        UserError: they name none, or more than one.
    """
    if bool(audio) != bool(text):
        raise UserError("--audio and --text belong together: a folder and a table of transcripts")
    if sum(bool(given) for given in (audio, kaldi, lhotse)) != 1:
        raise UserError("name the corpus: --audio DIR --text FILE, or --kaldi DIR, or --lhotse DIR")
    if audio and text:
        return from_table(audio, text, fraction)
    if kaldi:
        return from_kaldi(kaldi, fraction)
    assert lhotse
    return from_lhotse(lhotse, fraction)
