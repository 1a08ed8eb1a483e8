"""Triage finds utterances that were spoilt on purpose, and says why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline.align.forced import align_features
from pipeline.align.triage import MISMATCH, NO_PATH, NOISE, TOO_SHORT, UNKNOWN_WORD, Finding, triage
from pipeline.config import AlignOptions
from pipeline.gmm.aligner import Alignment
from tests.align.spoken import Spoken, digits_lang, features_of, speak_digits, train_mono

SWAPPED = ("f2-003", "m1-010")
NOISY = {"m1-025": 10.0, "m3-011": -5.0}  # dB; the beam loses every path of the second
UNKNOWN = "f4-014"
SHORT = "m7-022"
SPOILT = {*SWAPPED, *NOISY, UNKNOWN, SHORT}


@dataclass(frozen=True)
class Found:
    """What triage says of the set."""

    findings: list[Finding]
    alignment: Alignment
    utterances: list[Spoken]

    @property
    def names(self) -> list[str]:
        return [u.utterance_id for u in self.utterances]

    def of(self, utterance_id: str) -> Finding:
        return next(f for f in self.findings if f.utterance_id == utterance_id)


@pytest.fixture(scope="module")
def found() -> Found:
    """The spoilt utterances are in the training set, as they are in life."""
    table = {u.utterance_id: u for u in speak_digits(60)}
    first, second = (table[name] for name in SWAPPED)
    table[first.utterance_id] = replace(first, text=second.text)
    table[second.utterance_id] = replace(second, text=first.text)
    for name, snr_db in NOISY.items():
        table[name] = table[name].with_noise(snr_db)
    words = table[UNKNOWN].text.split()
    table[UNKNOWN] = replace(table[UNKNOWN], text=" ".join(["ELEVENTY", *words[1:]]))
    table[SHORT] = replace(table[SHORT], samples=table[SHORT].samples[:1600])
    utterances = list(table.values())
    lang, features = digits_lang(), features_of(utterances)
    model = train_mono(lang, features)
    alignment, _ = align_features(model, lang, features, AlignOptions())
    frames = model.transform.apply(features.frames, features.offsets)
    findings = triage(model.hmm, model.gmm, lang, features, frames, alignment)
    return Found(findings, alignment, utterances)


def test_the_swapped_texts_differ(found: Found) -> None:
    first, second = (next(u for u in found.utterances if u.utterance_id == n) for n in SWAPPED)
    assert first.text != second.text


def test_each_utterance_once_and_the_worst_first(found: Found) -> None:
    assert sorted(f.utterance_id for f in found.findings) == found.names
    suspicions = [f.suspicion for f in found.findings]
    assert suspicions == sorted(suspicions, reverse=True)


def test_swapped_transcripts_are_among_the_worst(found: Found) -> None:
    worst = [f.utterance_id for f in found.findings[: len(SPOILT)]]
    for utterance_id in SWAPPED:
        assert found.of(utterance_id).cause == MISMATCH
        assert utterance_id in worst


def test_noise_is_called_noise(found: Found) -> None:
    aligned, lost = (found.of(name) for name in NOISY)
    assert (aligned.cause, lost.cause) == (NOISE, NO_PATH + NOISE)


def test_unknown_word_is_named(found: Found) -> None:
    assert found.of(UNKNOWN).cause == f"{UNKNOWN_WORD}: ELEVENTY"


def test_too_short_an_utterance_is_reported_and_the_rest_is_aligned(found: Found) -> None:
    finding = found.of(SHORT)
    assert finding.cause == TOO_SHORT
    assert np.isinf(finding.suspicion)
    assert finding in found.findings[: len(SPOILT)]
    aligned = dict(zip(found.names, found.alignment.aligned, strict=True))
    assert not aligned[SHORT]
    assert all(aligned[name] for name in found.names if name not in SPOILT)


def test_nothing_is_held_against_good_utterances(found: Found) -> None:
    named = {f.utterance_id for f in found.findings if f.cause}
    assert named - SPOILT == set()
