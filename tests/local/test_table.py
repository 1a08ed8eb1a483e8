"""One's own corpus from a folder and a table, from lhotse's manifests, and what is held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import lhotse_manifests, table
from local.held_out import hold_out
from pipeline.data.corpus import Utterance
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError
from tests.data.toy_audio import noise, write_wav

OPTIONS = {"audio": "wavs", "text": "text.tsv", "lexicon": "lexicon.txt", "test_fraction": 0.5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two speakers' folders of two files each, and a lexicon."""
    for speaker in ("ann", "bob"):
        for i in (1, 2):
            write_wav(tmp_path / "wavs" / speaker / f"{speaker}{i}.wav", noise(seed=i))
    (tmp_path / "lexicon.txt").write_text("ONE W AH N\nTWO T UW\n")
    return tmp_path


TABLES = {
    "tabs.tsv": "ann/ann1.wav\tONE\nann/ann2.wav\tTWO\nbob/bob1.wav\tONE TWO\nbob/bob2.wav\tTWO\n",
    "stems.txt": "ann1 ONE\nann2 TWO\nbob1 ONE TWO\nbob2 TWO\n",
    "bars.txt": "ann1|x|ONE\nann2|x|TWO\nbob1|x|ONE TWO\nbob2|x|TWO\n",
    "header.csv": 'text,file\nONE,ann1.wav\nTWO,ann2\n"ONE TWO",bob/bob1\n\nTWO,bob2.wav\n',
    "semicolons.csv": "path;sentence\nann1;ONE\nann2;TWO\nbob1;ONE TWO\nbob2;TWO\n",
    "marked.tsv": "\ufefffile\ttext\r\nann1\tONE\r\nann2\tTWO\r\nbob1\tONE TWO\r\nbob2\tTWO\r\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_all_forms_of_a_table_are_the_same_corpus(folder: Path, name: str) -> None:
    (folder / name).write_bytes(TABLES[name].encode("utf-8"))
    corpus = table.prepare(folder, {**OPTIONS, "text": name})
    assert [(u.utterance_id, u.speaker, u.text) for u in corpus.utterances] == [
        ("ann-ann1", "ann", "ONE"),
        ("ann-ann2", "ann", "TWO"),
        ("bob-bob1", "bob", "ONE TWO"),
        ("bob-bob2", "bob", "TWO"),
    ]
    assert corpus.rejects == []
    prepared = prepare_corpus(corpus, 8000)
    assert len(prepared.supervisions) == 4
    assert [len(prepared.splits["official"][name]) for name in ("train", "test")] == [2, 2]


def test_columns_of_speakers_times_and_sets(folder: Path) -> None:
    (folder / "text.tsv").write_text(
        "file\ttext\tspeaker\tstart\tend\tset\n"
        "ann1\tONE\teve\t0\t0.1\ttrain\nann1\tTWO\teve\t0.1\t0.2\ttest\nann2\tTWO\tadam\t\t\tdev\n"
        "bob1\tTWO\tadam\tx\t\ttrain\n"
    )
    corpus = table.prepare(folder, OPTIONS)
    first, second, third = corpus.utterances
    assert (first.utterance_id, first.speaker) == ("eve-ann-ann1-0000000", "eve")
    assert (second.start, second.duration) == (0.1, pytest.approx(0.1))
    assert second.recording_id == first.recording_id
    assert (third.start, third.duration) == (0.0, None)
    assert corpus.splits["official"] == {
        "train": [first.utterance_id],
        "test": [second.utterance_id],
    }
    assert {reject.reason for reject in corpus.rejects} == {
        "start or end is not a number",
        "audio without transcript",
    }


def test_what_does_not_fit_is_listed(folder: Path) -> None:
    write_wav(folder / "wavs/bob/ann1.wav", noise())
    (folder / "text.tsv").write_text("ann1\tONE\nann2\nbob1\tTWO\nnobody\tONE\nbob/bob2\tTWO\n")
    corpus = table.prepare(folder, OPTIONS)
    reasons = {reject.utterance_id: reject.reason for reject in corpus.rejects}
    assert reasons["ann2"] in ("row 2 has 1 columns of 2", "audio without transcript")
    assert reasons["ann1"] == "2 audio files are called ann1"
    rejected = {r.utterance_id: r.reason for r in prepare_corpus(corpus, 8000).rejects}
    assert rejected["nobody"] == "transcript without audio: no such file"
    assert [item["id"] for item in prepare_corpus(corpus, 8000).supervisions] == [
        "bob-bob1",
        "bob-bob2",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no line"),
        (b"ann1\tONE\nann2\t\xff\n", "line 2 is not UTF-8"),
        (b"file\ttext\tset\nann1\tONE\ttrain\n", "both train and test"),
    ],
)
def test_a_bad_table_is_one_line(folder: Path, content: bytes, said: str) -> None:
    (folder / "text.tsv").write_bytes(content)
    with pytest.raises(UserError, match=said):
        table.prepare(folder, OPTIONS)


@pytest.mark.parametrize("key", ["audio", "text", "lexicon"])
def test_a_missing_file_is_named(folder: Path, key: str) -> None:
    (folder / "text.tsv").write_text("ann1\tONE\n")
    with pytest.raises(UserError, match=rf"corpus\.options\.{key}: .*gone: no such"):
        table.prepare(folder, {**OPTIONS, key: "gone"})


def people(counts: dict[str, int]) -> list[Utterance]:
    return [
        Utterance(f"{name}-{i}", Path("x.wav"), name, "ONE")
        for name, count in counts.items()
        for i in range(count)
    ]


def test_whole_speakers_are_held_out() -> None:
    utterances = people(dict.fromkeys("abcdefghij", 10))
    split = hold_out(utterances, 0.2)
    assert len(split["test"]) == 20
    assert len(split["train"]) == 80
    speakers = [{name.split("-")[0] for name in split[part]} for part in ("train", "test")]
    assert speakers[0] & speakers[1] == set()
    assert hold_out(utterances[::-1], 0.2) == split


def test_of_few_speakers_utterances_are_held_out() -> None:
    split = hold_out(people({"a": 20, "b": 20}), 0.1)
    assert (len(split["train"]), len(split["test"])) == (36, 4)
    assert set(split["train"]) & set(split["test"]) == set()


def test_more_utterances_do_not_move_a_speaker() -> None:
    """The order of speakers depends on their names alone."""
    few = hold_out(people(dict.fromkeys("abcdef", 10)), 1 / 6)
    (speaker,) = {name.split("-")[0] for name in few["test"]}
    more = hold_out(people(dict.fromkeys("abcdef", 11)), 1 / 6)
    assert {name.split("-")[0] for name in more["test"]} == {speaker}


def manifests(folder: Path) -> dict[str, str]:
    recordings = [
        {
            "id": f"r{i}",
            "sources": [{"type": "file", "channels": [0], "source": str(folder / f"{i}.wav")}],
            "sampling_rate": 8000,
            "num_samples": 8000,
            "duration": 1.0,
        }
        for i in (1, 2)
    ]
    spoken = [
        {
            "id": f"s{i}",
            "recording_id": f"r{i}",
            "start": 0.0,
            "duration": 0.5,
            "channel": 0,
            "text": "ONE",
            "speaker": "ann",
        }
        for i in (1, 2, 3)
    ]
    for name, items in (("recordings", recordings), ("supervisions", spoken)):
        text = "".join(json.dumps(item) + "\n" for item in items)
        (folder / f"{name}.jsonl").write_text(text)
    (folder / "lexicon.txt").write_text("ONE W AH N\n")
    return {
        "recordings": "recordings.jsonl",
        "supervisions": "supervisions.jsonl",
        "lexicon": "lexicon.txt",
    }


def test_manifests_of_lhotse(tmp_path: Path) -> None:
    options = manifests(tmp_path)
    for i in (1, 2):
        write_wav(tmp_path / f"{i}.wav", noise(seed=i))
    corpus = lhotse_manifests.prepare(tmp_path, {**options, "test_fraction": 0.5})
    assert [(u.utterance_id, u.speaker, u.duration) for u in corpus.utterances] == [
        ("ann-s1", "ann", 0.5),
        ("ann-s2", "ann", 0.5),
    ]
    assert [reject.reason for reject in corpus.rejects] == [
        "transcript without audio: no recording r3"
    ]
    assert [len(part) for part in corpus.splits["official"].values()] == [1, 1]
    whole = {**options, "test_supervisions": "supervisions.jsonl"}
    assert len(lhotse_manifests.prepare(tmp_path, whole).splits["official"]["test"]) == 2


def test_lhotse_reads_them_too(tmp_path: Path) -> None:
    """The manifests of these tests are really lhotse's."""
    from lhotse import RecordingSet, SupervisionSet

    manifests(tmp_path)
    assert len(RecordingSet.from_file(tmp_path / "recordings.jsonl")) == 2
    assert len(SupervisionSet.from_file(tmp_path / "supervisions.jsonl")) == 3


def test_other_files_are_not_manifests(tmp_path: Path) -> None:
    options = manifests(tmp_path)
    with pytest.raises(UserError, match="not lhotse's recordings"):
        lhotse_manifests.prepare(tmp_path, {**options, "recordings": "supervisions.jsonl"})
    with pytest.raises(UserError, match=r"none\.jsonl: no such manifest"):
        lhotse_manifests.prepare(tmp_path, {**options, "recordings": "none.jsonl"})
