"""The recordings that a voice learns from: samples, phones and parameters of each utterance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MfccOptions
from pipeline.data.audio import BadAudio, read_samples
from pipeline.data.copies import original_name
from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import phone_segments
from pipeline.io.archive import read_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.io.rejects import Reject
from pipeline.synthesis.linguistic import Phone, vocoder_phones
from pipeline.synthesis.vocoder import Vocoder


@dataclass(frozen=True)
class Recording:
    """An utterance of a manifest; `start` and `duration` in seconds."""

    utterance_id: str
    speaker: str
    words: tuple[str, ...]
    path: Path
    start: float
    duration: float

    def samples(self, sampling_rate: int) -> NDArray[np.float32]:
        """(n,) samples.

        Raises:
            BadAudio: they cannot be read.
        """
        return read_samples(self.path, sampling_rate, self.start, self.duration)


def read_recordings(cuts: Path, speakers: Sequence[str]) -> list[Recording]:
    """The utterances of some speakers; perturbed copies are left out.

    Raises:
        UserError: a speaker has none.
    """
    found = []
    for cut in read_json_lines(cuts):
        (supervision,) = cut["supervisions"]
        if supervision["speaker"] in speakers and original_name(cut["id"]) == cut["id"]:
            source = cut["recording"]["sources"][0]["source"]
            words = tuple(supervision["text"].split())
            place = (Path(source), cut["start"], cut["duration"])
            found.append(Recording(cut["id"], supervision["speaker"], words, *place))
    for speaker in speakers:
        if not any(recording.speaker == speaker for recording in found):
            raise UserError(f"{cuts}: synthesis.speakers: {speaker}: speaks nothing here")
    return found


@dataclass(frozen=True)
class Spoken:
    """What is known of a recording: its phones on the vocoder's frames, and the parameters."""

    recording: Recording
    phones: list[Phone]
    parameters: NDArray[np.float64]  # (T, D)


def analyse(
    recordings: Sequence[Recording],
    alignment: Path,
    hmm: Hmm,
    mfcc: MfccOptions,
    vocoder: Vocoder,
    rejects: list[Reject],
) -> Iterator[Spoken]:
    """Read, align and analyse each recording; those that cannot be are added to `rejects`."""
    by_id = dict(read_int_vectors(alignment))
    for recording in recordings:
        name = recording.utterance_id
        ids = by_id.get(name)
        if ids is None or not len(ids):
            remedy = "see rejected.tsv beside the alignment"
            rejects.append(Reject(name, str(alignment), "has no alignment", remedy))
            continue
        try:
            samples = recording.samples(vocoder.sampling_rate)
        except BadAudio as bad:
            rejects.append(Reject(name, str(recording.path), bad.reason, bad.remedy))
            continue
        segments = phone_segments(hmm, ids, np.array([0, len(ids)]))
        parameters = vocoder.analyse(samples)
        phones = vocoder_phones(
            segments.phone_id.tolist(),
            segments.start.tolist(),
            len(parameters),
            mfcc.frame_length_ms / 2.0,
            mfcc.frame_shift_ms,
            vocoder.options.frame_shift_ms,
        )
        yield Spoken(recording, phones, parameters)
