"""Recordings and alignments of a toy lang: phones cover the frames, bad ones are listed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.config import MfccOptions, VocoderOptions
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.io.rejects import Reject
from pipeline.synthesis.spoken import analyse, read_recordings
from pipeline.synthesis.vocoder import Vocoder
from tests.align.toy_alignment import random_truth, toy_hmm, toy_lang
from tests.synthesis.test_vocoder import RATE, vowel

MFCC = MfccOptions(sampling_rate=RATE)
LANG = toy_lang()
HMM = toy_hmm(LANG)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Six utterances of ann: one without alignment, one without its file; and one of bob."""
    generator = random.Random(1)
    cuts: list[dict[str, Any]] = []
    alignments = []
    for n in range(7):
        truth = random_truth(generator, LANG, HMM, 2)
        name, seconds = f"u{n}", 0.025 + 0.01 * (len(truth.transition_ids) - 1)
        path = tmp_path / f"{name}.wav"
        if n != 1:
            soundfile.write(path, vowel(120.0, (700.0,), seconds + 0.0001), RATE)
        if n != 0:
            alignments.append((name, truth.transition_ids))
        supervision = {"speaker": "bob" if n == 6 else "ann", "text": " ".join(truth.words)}
        cuts.append(
            {
                "id": name,
                "start": 0.0,
                "duration": seconds,
                "supervisions": [supervision],
                "recording": {"sources": [{"source": str(path)}]},
            }
        )
    cuts.append({**cuts[2], "id": "vtln0.9-u2"})
    write_json_lines(tmp_path / "cuts.jsonl.gz", cuts)
    write_int_vectors(tmp_path / "ali.ark", tmp_path / "ali.scp", alignments)
    return tmp_path


def test_good_ones_go_on_and_bad_ones_are_listed(stage: Path) -> None:
    recordings = read_recordings(stage / "cuts.jsonl.gz", ["ann"])
    assert [recording.utterance_id for recording in recordings] == [f"u{n}" for n in range(6)]
    rejects: list[Reject] = []
    vocoder = Vocoder(RATE, VocoderOptions())
    found = list(analyse(recordings, stage / "ali.scp", HMM, MFCC, vocoder, rejects))
    assert [item.recording.utterance_id for item in found] == ["u2", "u3", "u4", "u5"]
    assert {reject.utterance_id: reject.reason for reject in rejects}.keys() == {"u0", "u1"}
    assert rejects[0].reason == "has no alignment"
    for item in found:
        assert sum(phone.num_frames for phone in item.phones) == len(item.parameters)
        assert item.parameters.shape[1] == vocoder.dim
        assert np.isfinite(item.parameters).all()


def test_a_speaker_that_is_not_there(stage: Path) -> None:
    with pytest.raises(UserError, match=r"synthesis.speakers: eve: speaks nothing here"):
        read_recordings(stage / "cuts.jsonl.gz", ["ann", "eve"])
