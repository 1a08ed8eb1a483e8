"""Which utterances to look at first, and why: scores of an alignment, worst first.

Three numbers a frame of speech, each compared with the whole set by median and MAD:
the log-likelihood of the aligned state, its gap to the best state of all (a wrong word fits worse
than another state would), and the share of frames in unusually short or long phones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import Alignment
from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.train import silence_pdfs
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm

SUSPICIOUS = 6.0  # robust z-score; 3.5 (Iglewicz and Hoaglin 1993) lists a tenth of real corpora
MISMATCH = "transcript mismatch"
UNKNOWN_WORD = "missing word in the lexicon"
NOISE = "noise"
NOT_ALIGNED = "cannot be aligned: too short for its transcript, or another text"
FRAME_STEP = 2  # every other frame is enough for the gap
BLOCK = 20_000


@dataclass(frozen=True)
class Finding:
    """One utterance. ``suspicion`` is the larger robust z-score, inf without an alignment."""

    utterance_id: str
    suspicion: float
    log_likelihood: float  # of the aligned states, mean over speech frames
    gap: float  # best state's log-likelihood minus the aligned one's, mean over speech frames
    cause: str  # "" where nothing is suspicious


def triage(
    hmm: Hmm,
    gmm: AmDiagGmm,
    lang: Lang,
    features: FeatureSet,
    frames: NDArray[np.float32],
    alignment: Alignment,
) -> list[Finding]:
    """Score every utterance, most suspicious first.

    Args:
        frames: (sum T, D), the features that ``gmm`` models.
    """
    pdf = hmm.transitions.pdf_of[alignment.transition_ids]
    speech = (alignment.transition_ids > 0) & ~np.isin(pdf, silence_pdfs(lang, hmm))
    chosen = np.flatnonzero(speech)[::FRAME_STEP]
    own = np.empty(len(chosen), np.float32)
    best = np.empty(len(chosen), np.float32)
    for t in range(0, len(chosen), BLOCK):
        rows = chosen[t : t + BLOCK]
        likes = gmm.log_likelihoods(with_squares(frames[rows]))
        own[t : t + BLOCK] = likes[np.arange(len(rows)), pdf[rows]]
        best[t : t + BLOCK] = likes.max(axis=1)
    utterance_of = np.repeat(np.arange(features.num_utterances), features.lengths)[chosen]
    count = np.bincount(utterance_of, minlength=features.num_utterances)
    likelihood = _mean(own, utterance_of, count)
    gap = _mean(best - own, utterance_of, count)
    unlikely, far = _robust_z(-likelihood), _robust_z(gap)
    unknown = lang.unknown_word
    findings = []
    for u, utterance_id in enumerate(features.utterance_ids):
        missing = [w for w in features.texts[u].split() if w not in lang.pronunciations]
        if unknown is not None and (missing or unknown in features.texts[u].split()):
            cause = f"{UNKNOWN_WORD}: {' '.join(missing) or unknown}"
        elif not alignment.aligned[u] or not count[u]:
            cause = NOT_ALIGNED
        elif far[u] > SUSPICIOUS and far[u] >= unlikely[u]:
            cause = MISMATCH
        elif unlikely[u] > SUSPICIOUS:
            cause = NOISE
        else:
            cause = ""
        there = bool(alignment.aligned[u] and count[u])
        suspicion = float(max(far[u], unlikely[u])) if there else float("inf")
        findings.append(
            Finding(utterance_id, suspicion, float(likelihood[u]), float(gap[u]), cause)
        )
    return sorted(findings, key=lambda f: (-f.suspicion, f.utterance_id))


def _mean(
    values: NDArray[np.float32], group: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    total = np.bincount(group, values, len(count))
    result: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result


def _robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.6745 (x - median) / MAD; 0 where unknown or where all are alike."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros_like(values)
    middle = np.median(known)
    spread = np.median(np.abs(known - middle))
    if spread == 0:
        return np.zeros_like(values)
    result: NDArray[np.float64] = np.nan_to_num(0.6745 * (values - middle) / spread)
    return result
