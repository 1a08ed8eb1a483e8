"""Kaldi data directories: read as Kaldi means them, written so that lhotse reads them back."""

from __future__ import annotations

from pathlib import Path

import lhotse.kaldi
import pytest

from pipeline.data.corpus import Corpus
from pipeline.data.kaldi_dir import check_order, read_kaldi_dir, write_kaldi_dir
from pipeline.data.prepare import prepare_corpus
from pipeline.io.errors import UserError
from tests.data.toy_audio import noise, write_wav


def write_tables(folder: Path, **tables: str) -> Path:
    """Write files of a data directory; wav_scp stands for wav.scp."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / name.replace("_scp", ".scp")).write_text(text)
    return folder


def test_recordings_without_segments(tmp_path: Path) -> None:
    folder = write_tables(
        tmp_path,
        wav_scp="b-1 b.wav\na-1 a.wav\na-2 sub dir/a2.wav\n",
        text="a-1 ONE TWO\nb-1 TWO\n",
        utt2spk="a-1 a\na-2 a\n",
    )
    utterances, rejects = read_kaldi_dir(folder, base=Path("/base"))
    assert [(u.utterance_id, str(u.audio), u.speaker, u.text) for u in utterances] == [
        ("a-1", "/base/a.wav", "a", "ONE TWO"),
        ("a-2", "/base/sub dir/a2.wav", "a", None),
        ("b-1", "/base/b.wav", "b-1", "TWO"),
    ]
    assert rejects == []


def test_segments_and_everything_bad_about_them(tmp_path: Path) -> None:
    folder = write_tables(
        tmp_path,
        wav_scp="rec a.wav\npiped sox a.wav -t wav - |\n",
        segments=(
            "a rec 0.5 1.25\nb rec 1.25 -1\nc other 0 1\nd rec 2 1\ne rec x 1\n"
            "f piped 0 1\ng rec 0 nan\nh rec 0\n"
        ),
        text="a ONE\nb TWO\nc ONE\nd ONE\ne ONE\nf ONE\ng ONE\nh ONE\nz ONE\n",
        utt2spk="",
    )
    utterances, rejects = read_kaldi_dir(folder)
    assert [(u.utterance_id, u.recording_id, u.start, u.duration) for u in utterances] == [
        ("a", "rec", 0.5, 0.75),
        ("b", "rec", 1.25, None),
    ]
    reasons = {reject.utterance_id: reject.reason for reject in rejects}
    assert "recording other is not in wav.scp" in reasons["c"]
    assert "is not 'recording start end'" in reasons["d"]
    assert set(reasons) == set("cdefghz")
    assert "command" in reasons["f"]
    assert "transcript without audio" in reasons["z"]
    assert all(reject.remedy for reject in rejects)


def test_a_bad_line_lists_its_utterance_once(tmp_path: Path) -> None:
    folder = write_tables(tmp_path, wav_scp="a a.wav\nb b.wav\nc c.wav\nd\n", text="")
    (folder / "text").write_bytes(b"a \xff\nb ONE\nb TWO\nc ONE\nd ONE\n")
    utterances, rejects = read_kaldi_dir(folder)
    assert [(u.utterance_id, u.text) for u in utterances] == [("b", "ONE"), ("c", "ONE")]
    assert sorted((reject.utterance_id, reject.reason) for reject in rejects) == [
        ("a", "line 1 is not UTF-8"),
        ("b", "line 3: duplicate utterance id"),
        ("d", "line 4 has a key and no value"),
    ]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/wav\.scp: no such file"):
        read_kaldi_dir(tmp_path / "nowhere")


@pytest.mark.parametrize("segmented", [False, True])
def test_lhotse_reads_what_is_written(tmp_path: Path, segmented: bool) -> None:
    for name in ("a-1", "b-1"):
        write_wav(tmp_path / f"{name}.wav", noise(1.5))
    folder = write_tables(
        tmp_path / "in",
        wav_scp=f"a-1 {tmp_path}/a-1.wav\nb-1 {tmp_path}/b-1.wav\n",
        text="a-1 ONE TWO\nb-1 TWO\n",
        utt2spk="a-1 a\nb-1 b\n",
    )
    if segmented:
        write_tables(folder, segments="a-1 a-1 0.25 1\nb-1 b-1 0 1.5\n")
    utterances, rejects = read_kaldi_dir(folder)
    lexicon = [("ONE", 1.0, ["W"]), ("TWO", 1.0, ["T"])]
    prepared = prepare_corpus(Corpus(utterances, lexicon, {}, rejects), 8000)
    assert prepared.rejects == []
    write_kaldi_dir(tmp_path / "out", prepared.recordings, prepared.supervisions)
    assert (tmp_path / "out" / "segments").exists() == segmented
    recordings, supervisions, _ = lhotse.kaldi.load_kaldi_data_dir(tmp_path / "out", 8000)
    assert supervisions is not None
    assert [r.to_dict() for r in recordings] == [
        {key: value for key, value in item.items() if key != "channel_ids"} | {"channel_ids": [0]}
        for item in prepared.recordings
    ]
    theirs = {(s.id, s.recording_id, s.start, s.duration, s.text, s.speaker) for s in supervisions}
    assert theirs == {
        tuple(item[key] for key in ("id", "recording_id", "start", "duration", "text", "speaker"))
        for item in prepared.supervisions
    }
    assert (tmp_path / "out" / "spk2utt").read_text() == "a a-1\nb b-1\n"
    assert read_kaldi_dir(tmp_path / "out")[0] == utterances


def test_files_are_sorted_by_bytes_as_kaldi_wants(tmp_path: Path) -> None:
    names = ["b-1", "B-1", "a-10", "a-2", "Ä-1"]
    recordings, supervisions = [], []
    for name in names:
        source = [{"type": "file", "channels": [0], "source": f"/x/{name}.wav"}]
        recordings.append({"id": name, "sources": source, "duration": 1.0})
        supervisions.append(
            {
                "id": name,
                "recording_id": name,
                "start": 0.0,
                "duration": 1.0,
                "text": "ONE",
                "speaker": name[0],
            }
        )
    write_kaldi_dir(tmp_path, recordings, supervisions)
    for file in ("wav.scp", "text", "utt2spk", "reco2dur"):
        lines = (tmp_path / file).read_bytes().splitlines()
        assert lines == sorted(lines)
        assert len(lines) == len(names)


def test_ids_that_do_not_sort_by_speaker_are_refused() -> None:
    check_order({"a-1": "a", "b-1": "b"})
    with pytest.raises(UserError, match="make the speaker the beginning of each utterance id"):
        check_order({"1": "b", "2": "a"})


def test_a_supervision_without_recording_is_refused(tmp_path: Path) -> None:
    orphan = {
        "id": "a",
        "recording_id": "gone",
        "start": 0.0,
        "duration": 1.0,
        "text": "",
        "speaker": "a",
    }
    with pytest.raises(UserError, match="a: its recording gone is missing"):
        write_kaldi_dir(tmp_path, [], [orphan])
