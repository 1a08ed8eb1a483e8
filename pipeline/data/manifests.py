"""lhotse manifests as plain dictionaries, in exactly the form that lhotse writes and reads.

They are made without importing lhotse, whose import brings torch and takes two seconds, so that
preparing and selecting data start at once; tests read every form back through lhotse.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

Manifest = dict[str, Any]


def recording(
    recording_id: str, audio: Path | str, sampling_rate: int, num_samples: int
) -> Manifest:
    """A lhotse Recording of one mono file."""
    return {
        "id": recording_id,
        "sources": [{"type": "file", "channels": [0], "source": str(audio)}],
        "sampling_rate": sampling_rate,
        "num_samples": num_samples,
        "duration": num_samples / sampling_rate,
        "channel_ids": [0],
    }


def supervision(
    utterance_id: str, recording_id: str, start: float, duration: float, text: str, speaker: str
) -> Manifest:
    """A lhotse SupervisionSegment: who says what, where (seconds)."""
    return {
        "id": utterance_id,
        "recording_id": recording_id,
        "start": start,
        "duration": duration,
        "channel": 0,
        "text": text,
        "speaker": speaker,
    }


def cut(
    recording: Manifest, supervision: Manifest, features: Manifest, frame_duration: float
) -> Manifest:
    """A lhotse MonoCut: one utterance with its features.

    Args:
        frame_duration: number of frames times the frame shift, seconds. lhotse wants features to
            cover that long a time, so the cut spans it: with Kaldi's snip_edges up to one window
            less than the audio. The supervision, counted from the cut's start, keeps its length.
    """
    spoken = {**supervision, "start": 0.0}
    return {
        "id": supervision["id"],
        "start": supervision["start"],
        "duration": frame_duration,
        "channel": 0,
        "supervisions": [spoken],
        "features": features,
        "recording": recording,
        "type": "MonoCut",
    }


def supervision_of(cut: Manifest) -> Manifest:
    """The supervision of a cut of one, counted from the start of the recording again."""
    spoken = cut["supervisions"][0]
    return {**spoken, "start": cut["start"] + spoken["start"]}


def kaldi_features(
    supervision: Manifest,
    place: str,
    kind: str,
    shape: tuple[int, int],
    frame_shift: float,
    sampling_rate: int,
) -> Manifest:
    """A lhotse Features entry that points into a Kaldi archive.

    Args:
        place: "path.ark:offset", valid from the run's working directory.
        kind: name of the lhotse extractor.
        shape: frames, values a frame.
        frame_shift: seconds.
    """
    return {
        "type": kind,
        "num_frames": shape[0],
        "num_features": shape[1],
        "frame_shift": frame_shift,
        "sampling_rate": sampling_rate,
        "start": supervision["start"],
        "duration": round(shape[0] * frame_shift, 8),
        "storage_type": "kaldiio",
        "storage_path": place,
        "storage_key": supervision["id"],
        "recording_id": supervision["recording_id"],
        "channels": 0,
    }
