"""Kaldi data/ directories, in and out.

Read: wav.scp, text, utt2spk, segments (kaldi-asr.org/doc/data_prep.html). Written: these, spk2utt,
reco2dur, and feats.scp, utt2num_frames and cmvn.scp where there are features. All files are sorted
as with LC_ALL=C, which Kaldi's tools rely on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.data.corpus import Utterance
from pipeline.data.manifests import Manifest
from pipeline.data.text_files import read_table
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject


def _read_segment(text: str) -> tuple[str, float, float | None]:
    """`recording start end` -> recording, start, duration; an end of -1 is the recording's."""
    recording_id, start_text, end_text = text.split()[:3]
    start, end = float(start_text), float(end_text)
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError(text)
    if end == -1.0:
        return recording_id, start, None
    if not 0.0 <= start < end:
        raise ValueError(text)
    return recording_id, start, end - start


def read_kaldi_dir(folder: Path, base: Path | None = None) -> tuple[list[Utterance], list[Reject]]:
    """Read the utterances of a Kaldi data directory, sorted by id.

    Args:
        base: what relative paths in wav.scp start from; None: the working directory, as in Kaldi.
    Returns:
        The utterances, text None where it is missing, and what could not be used: bad lines,
        commands in place of files, transcripts without audio.
    Raises:
        UserError: no such folder, or it has no wav.scp or no text.
    """
    for name in ("wav.scp", "text"):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: no such file; point at a Kaldi data directory")
    wavs, rejects = read_table(folder / "wav.scp")
    texts, bad_texts = read_table(folder / "text", needs_value=False)
    speakers, segments = dict[str, str](), dict[str, str]()
    if (folder / "utt2spk").is_file():
        speakers, bad = read_table(folder / "utt2spk")
        rejects += bad
    has_segments = (folder / "segments").is_file()
    if has_segments:
        segments, bad = read_table(folder / "segments")
        rejects += bad
    duplicates = {r.utterance_id for r in bad_texts if r.utterance_id in texts}
    rejects += bad_texts
    # An utterance whose own line was rejected is listed once, not again for what is then missing.
    listed = {reject.utterance_id for reject in rejects} - duplicates
    utterances = []
    for utterance_id in sorted(set(segments) if has_segments else set(wavs)):
        recording_id, start, duration = utterance_id, 0.0, None
        if utterance_id in listed:
            continue
        if has_segments:
            try:
                recording_id, start, duration = _read_segment(segments[utterance_id])
            except ValueError:
                reason = f"segment {segments[utterance_id]!r} is not 'recording start end'"
                file = str(folder / "segments")
                rejects.append(Reject(utterance_id, file, reason, "correct the line"))
                continue
        audio = wavs.get(recording_id)
        if audio is None:
            reason = f"transcript without audio: recording {recording_id} is not in wav.scp"
            file = str(folder / "segments")
            rejects.append(Reject(utterance_id, file, reason, "add it or delete the segment"))
            continue
        if audio.endswith("|"):
            reason = "wav.scp names a command, not a file"
            remedy = "write the command's output to a file and name that"
            rejects.append(Reject(utterance_id, str(folder / "wav.scp"), reason, remedy))
            continue
        path = Path(audio) if base is None else base / audio
        utterances.append(
            Utterance(
                utterance_id,
                path,
                speakers.get(utterance_id, utterance_id),
                texts.get(utterance_id),
                start,
                duration,
                recording_id,
            )
        )
    for utterance_id in texts:
        if utterance_id not in (segments if has_segments else wavs) and utterance_id not in listed:
            file = "segments" if has_segments else "wav.scp"
            reason = f"transcript without audio: not in {file}"
            remedy = "add its audio or delete its text"
            rejects.append(Reject(utterance_id, str(folder / "text"), reason, remedy))
    return utterances, rejects


def _write_table(path: Path, table: Mapping[str, str]) -> None:
    write_text(path, "".join(f"{key} {table[key]}\n" for key in sorted(table)))


def check_order(utt2spk: Mapping[str, str]) -> None:
    """Kaldi wants the same order when sorted by utterance and by speaker.

    Raises:
        UserError: names the first utterance out of order.
    """
    by_utterance = sorted(utt2spk)
    by_speaker = sorted(utt2spk, key=lambda utterance_id: (utt2spk[utterance_id], utterance_id))
    for one, other in zip(by_utterance, by_speaker, strict=True):
        if one != other:
            raise UserError(
                f"{other}: sorting by utterance and by speaker ({utt2spk[other]}) differ, which "
                "Kaldi refuses; make the speaker the beginning of each utterance id"
            )


def _absolute_place(place: str) -> str:
    ark, _, offset = place.rpartition(":")
    return f"{Path(ark).resolve()}:{offset}"


def write_kaldi_dir(
    folder: Path,
    recordings: Iterable[Manifest],
    supervisions: Iterable[Manifest],
    features: Iterable[Manifest] = (),
) -> None:
    """Write a data directory that Kaldi's validate_data_dir.sh accepts.

    Args:
        recordings, supervisions: lhotse manifests; recordings that nobody uses are left out.
        features: lhotse Features in Kaldi archives; written to feats.scp with absolute paths.
    Raises:
        UserError: a supervision without recording, or ids that Kaldi cannot sort.
    """
    of_id = {recording["id"]: recording for recording in recordings}
    spoken = {supervision["id"]: supervision for supervision in supervisions}
    utt2spk = {utterance_id: item["speaker"] for utterance_id, item in spoken.items()}
    check_order(utt2spk)
    wavs, lengths, segments = dict[str, str](), dict[str, str](), dict[str, str]()
    whole = True
    for utterance_id, item in spoken.items():
        recording = of_id.get(item["recording_id"])
        if recording is None:
            raise UserError(f"{utterance_id}: its recording {item['recording_id']} is missing")
        wavs[recording["id"]] = str(Path(recording["sources"][0]["source"]).resolve())
        lengths[recording["id"]] = f"{recording['duration']:.7g}"
        start, end = item["start"], item["start"] + item["duration"]
        segments[utterance_id] = f"{recording['id']} {start:.7g} {end:.7g}"
        covers = start == 0.0 and math.isclose(end, recording["duration"], abs_tol=1e-6)
        whole = whole and covers and recording["id"] == utterance_id
    spk2utt: dict[str, list[str]] = {}
    for utterance_id in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[utterance_id], []).append(utterance_id)
    _write_table(folder / "wav.scp", wavs)
    _write_table(folder / "reco2dur", lengths)
    _write_table(folder / "text", {key: item["text"] for key, item in spoken.items()})
    _write_table(folder / "utt2spk", utt2spk)
    _write_table(folder / "spk2utt", {key: " ".join(value) for key, value in spk2utt.items()})
    (folder / "segments").unlink(missing_ok=True)
    if not whole:
        _write_table(folder / "segments", segments)
    entries = {entry["storage_key"]: entry for entry in features}
    if entries:
        places = {key: _absolute_place(entry["storage_path"]) for key, entry in entries.items()}
        _write_table(folder / "feats.scp", places)
        frames = {key: str(entry["num_frames"]) for key, entry in entries.items()}
        _write_table(folder / "utt2num_frames", frames)
