"""Our preparations find what lhotse's own recipes find, where it has one for the corpus."""

from __future__ import annotations

import shutil
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from local import yesno
from local.common_voice import SPEAKER_LENGTH, normalised
from pipeline.data.corpus import Corpus
from pipeline.workflow import load_recipe
from tests.local import tiny_corpora
from tests.local.tiny_corpora import MINI, Spoken, prepare

Said = dict[tuple[str, str], str]  # recording, speaker -> text


def said(corpus: Corpus, split: str | None = None, part: str = "test") -> Said:
    """Of a part of a split, or of the whole corpus."""
    wanted = None if split is None else set(corpus.splits[split][part])
    return {
        (u.audio.stem, u.speaker): u.text or ""
        for u in corpus.utterances
        if wanted is None or u.utterance_id in wanted
    }


def theirs(part: dict[str, Any]) -> Said:
    """Of one part of lhotse's manifests."""
    return {(s.recording_id, s.speaker): s.text for s in part["supervisions"]}


def test_librispeech(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.librispeech import prepare_librispeech

    folder = tiny_corpora.librispeech_100(tmp_path, spoken)
    found = prepare_librispeech(
        folder / "LibriSpeech", dataset_parts=["train-clean-100", "dev-clean", "test-clean"]
    )
    corpus = prepare("librispeech_100", folder, {}, tmp_path)
    assert said(corpus, "official", "train") == theirs(found["train-clean-100"])
    assert said(corpus, "official") == theirs(found["test-clean"])
    assert said(corpus, "dev") == theirs(found["dev-clean"])


def test_mini_librispeech(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.librispeech import prepare_librispeech

    folder = tiny_corpora.mini_librispeech(tmp_path, spoken)
    found = prepare_librispeech(folder / "LibriSpeech", dataset_parts="mini_librispeech")
    corpus = prepare("mini_librispeech", folder, MINI, tmp_path)
    assert said(corpus, "official", "train") == theirs(found["train-clean-5"])
    assert said(corpus, "official") == theirs(found["dev-clean-2"])


def test_audio_mnist(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.audio_mnist import prepare_audio_mnist

    folder = tiny_corpora.audio_mnist(tmp_path / "mnist", spoken)
    found = theirs(prepare_audio_mnist(folder, tmp_path / "manifests"))
    assert said(prepare("audio_mnist", folder, {}, tmp_path)) == {
        key: text.upper() for key, text in found.items()
    }


def test_speech_commands(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.speechcommands import prepare_speechcommands

    folder = tiny_corpora.speech_commands(tmp_path / "speech_commands_v0.02", spoken)
    # lhotse wants the companion archive of the test of twelve classes, too; it is not compared.
    companion = tmp_path / "speech_commands_test_set_v0.02" / "left"
    companion.mkdir(parents=True)
    shutil.copy(next((folder / "left").iterdir()), companion)
    found = prepare_speechcommands("2", tmp_path)
    corpus = prepare("speech_commands_v2", folder, {}, tmp_path)
    for split, part, name in (("official", "train", "train"), ("validation", "test", "valid")):
        wanted = set(corpus.splits[split][part])
        # A file's name is one speaker's in every word's folder.
        ours = {
            (f"{u.audio.parent.name}_{u.audio.stem}", u.speaker, (u.text or "").lower())
            for u in corpus.utterances
            if u.utterance_id in wanted
        }
        assert ours == {
            (s.recording_id, s.speaker, s.text)
            for s in found[name]["supervisions"]
            if s.text  # the background noise has none
        }


def test_common_voice(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.commonvoice import prepare_commonvoice

    folder = tiny_corpora.common_voice(tmp_path / "common", spoken)
    for table in (folder / "en").glob("*.tsv"):  # lhotse wants a column that came with release 11
        header, *rows = table.read_text("utf-8").splitlines()
        lines = [f"{header}\tvariant", *(f"{row}\t" for row in rows)]
        table.write_text("\n".join(lines) + "\n", "utf-8")
    found = prepare_commonvoice(folder, tmp_path / "manifests", languages="en")["en"]
    corpus = prepare("common_voice", folder, {}, tmp_path / "converted")
    for split, part, name in (
        ("official", "train", "train"),
        ("official", "test", "test"),
        ("dev", "test", "dev"),
    ):
        ours = {
            (stem.rpartition("-")[2], speaker): text
            for (stem, speaker), text in said(corpus, split, part).items()
        }
        assert ours == {
            (stem, speaker[:SPEAKER_LENGTH]): normalised(text)
            for (stem, speaker), text in theirs(found[name]).items()
        }


def test_yesno(tmp_path: Path) -> None:
    from lhotse.recipes.yesno import prepare_yesno

    folder = tmp_path / "waves_yesno"
    folder.mkdir()
    for digits in islice(product("01", repeat=8), 0, 240, 4):  # lhotse wants 60
        path = folder / f"{'_'.join(digits)}.wav"
        soundfile.write(path, np.zeros(80, dtype=np.float32), 8000)
    found = prepare_yesno(folder)
    # Not by split: lhotse takes every second recording, ours is Kaldi's.
    assert {stem: text for (stem, _), text in said(yesno.prepare(tmp_path, {})).items()} == {
        s.recording_id: s.text for part in found.values() for s in part["supervisions"]
    }


def test_timit(tmp_path: Path, spoken: Spoken) -> None:
    from lhotse.recipes.timit import prepare_timit

    folder = tiny_corpora.timit(tmp_path, spoken)
    (folder / "TIMIT").rename(folder / "data")
    found = prepare_timit(folder, num_phones=48)
    assert said(prepare("timit", folder, {}, tmp_path)) == {
        (s.recording_id.partition("-")[2], s.speaker.lower()): " ".join(
            item.symbol for item in s.alignment["phone"]
        )
        for part in found.values()
        for s in part["supervisions"]
        if not s.recording_id.endswith("SA1")
    }


def test_timit_is_scored_in_39_phones() -> None:
    from lhotse.recipes.timit import get_phonemes

    from local.timit import phone_maps

    to_48, from_48 = phone_maps()
    assert len(to_48) == 62  # the 61 and sil
    assert len(from_48) == 48
    assert len(set(from_48.values())) == 39
    # Both ways from the labels to the 39 are the same, the one by lhotse directly.
    assert {a: from_48[b] for a, b in to_48.items() if b} == {
        a: b for a, b in get_phonemes(39).items() if b
    }
    counted = load_recipe({"recipe": "timit"}).decode.count_as
    assert counted == {a: b for a, b in from_48.items() if a != b}
