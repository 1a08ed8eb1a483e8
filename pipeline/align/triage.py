"""Which utterances to look at first, and why: scores of an alignment, worst first.

Three numbers, each compared with the whole set by median and MAD. Over the frames of speech: the
log-likelihood of the aligned state, and its gap to the best state of speech (a wrong word fits
worse than another state would). Over all frames: the range of levels, which noise narrows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import Alignment
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.likelihoods import PdfLikelihoods, gmm_likelihoods
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.training_graph import GraphCompiler

SUSPICIOUS = 6.0  # robust z-score; 3.5 (Iglewicz and Hoaglin 1993) lists a tenth of real corpora
LEAST_SPREAD = 0.5  # of log-likelihoods: where nearly all gaps are 0, a small one is nothing yet
PROBABLE = 3.5  # enough where alignment failed, so something is wrong already
MISMATCH = "transcript mismatch"
UNKNOWN_WORD = "missing word in the lexicon"
NOISE = "noise"
TOO_SHORT = "cannot be aligned: too short for its transcript"
NO_PATH = "cannot be aligned: "  # and one of the causes above
# Frames of an utterance that are looked at, evenly spread: they are enough for a mean, and all pdfs
# at all frames would take longer than the alignment itself.
LEAST_STEP = 2
MEASURED_FRAMES = 100
BLOCK = 4000


@dataclass(frozen=True)
class Finding:
    """One utterance. ``suspicion`` is the larger robust z-score, inf without an alignment."""

    utterance_id: str
    suspicion: float
    log_likelihood: float  # of the aligned states, mean over speech frames
    gap: float  # best speech state's log-likelihood less the aligned one's, mean of speech frames
    cause: str  # "" where nothing is suspicious


@dataclass(frozen=True)
class Measured:
    """What triage needs of a set of utterances, or of a shard: arrays (U,)."""

    utterance_ids: list[str]
    texts: list[str]
    lengths: NDArray[np.int64]  # frames
    there: NDArray[np.bool_]  # aligned, with speech
    likelihood: NDArray[np.float64]
    gap: NDArray[np.float64]
    level_range: NDArray[np.float64]


def triage(
    hmm: Hmm,
    gmm: AmDiagGmm,
    lang: Lang,
    features: FeatureSet,
    frames: NDArray[np.float32],
    alignment: Alignment,
    workers: Workers = SERIAL,
) -> list[Finding]:
    """Score every utterance, most suspicious first.

    Args:
        frames: (sum T, D), the features that ``gmm`` models.
    """
    likelihoods = gmm_likelihoods(gmm, frames)
    return judge(hmm, lang, [measure(hmm, likelihoods, lang, features, alignment, workers)])


def measure(
    hmm: Hmm,
    likelihoods: PdfLikelihoods,
    lang: Lang,
    features: FeatureSet,
    alignment: Alignment,
    workers: Workers = SERIAL,
) -> Measured:
    """The part of ``triage`` that looks at frames; ``judge`` compares what all shards gave.

    Args:
        likelihoods: of the model that made the alignment, for the frames of ``features``.
    """
    pdf = hmm.transitions.pdf_of[alignment.transition_ids]
    silence = hmm.pdfs_of(lang.silence_phone_ids())
    speech = (alignment.transition_ids > 0) & ~np.isin(pdf, silence)
    place = np.arange(features.num_frames) - np.repeat(features.offsets[:-1], features.lengths)
    step = np.maximum(features.lengths // MEASURED_FRAMES, LEAST_STEP)
    chosen = np.flatnonzero(speech & (place % np.repeat(step, features.lengths) == 0))
    own = np.empty(len(chosen), np.float32)
    best = np.empty(len(chosen), np.float32)
    # Without silence: a model of any noise would take what is strange.
    rivals = np.setdiff1d(np.arange(hmm.num_pdfs, dtype=np.int32), silence)
    column = np.searchsorted(rivals, pdf[chosen])

    def of_block(start: int) -> None:
        block = slice(start, start + BLOCK)
        likes = likelihoods(chosen[block], rivals)
        own[block] = likes[np.arange(len(likes)), column[block]]
        best[block] = likes.max(axis=1)

    workers.map(of_block, range(0, len(chosen), BLOCK))
    utterance_of = np.repeat(np.arange(features.num_utterances), features.lengths)[chosen]
    count = np.bincount(utterance_of, minlength=features.num_utterances)
    likelihood = _mean(own, utterance_of, count)
    return Measured(
        features.utterance_ids,
        features.texts,
        features.lengths,
        alignment.aligned & (count > 0),
        likelihood,
        _mean(best - own, utterance_of, count),
        _level_ranges(features),
    )


def judge(hmm: Hmm, lang: Lang, parts: Sequence[Measured]) -> list[Finding]:
    """Compare every utterance with all of them; most suspicious first."""
    likelihood, gap, level_range, there, lengths = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("likelihood", "gap", "level_range", "there", "lengths")
    )
    far = _robust_z(gap, there, LEAST_SPREAD)
    noisy = np.maximum(_robust_z(-likelihood, there, LEAST_SPREAD), _robust_z(-level_range, there))
    compiler = GraphCompiler(lang, hmm)
    findings = []
    named = (
        (name, text) for p in parts for name, text in zip(p.utterance_ids, p.texts, strict=True)
    )
    for u, (utterance_id, text) in enumerate(named):
        unknown = _unknown_words(lang, text)
        if unknown:
            cause = f"{UNKNOWN_WORD}: {' '.join(unknown)}"
        elif not there[u]:
            if lengths[u] < compiler.compile(text).min_frames:
                cause = TOO_SHORT
            else:
                cause = NO_PATH + (NOISE if noisy[u] > PROBABLE else MISMATCH)
        elif far[u] > SUSPICIOUS and far[u] >= noisy[u]:
            cause = MISMATCH
        elif noisy[u] > SUSPICIOUS:
            cause = NOISE
        else:
            cause = ""
        suspicion = float(max(far[u], noisy[u])) if there[u] else float("inf")
        findings.append(
            Finding(utterance_id, suspicion, float(likelihood[u]), float(gap[u]), cause)
        )
    return sorted(findings, key=lambda f: (-f.suspicion, f.utterance_id))


def _unknown_words(lang: Lang, text: str) -> list[str]:
    """Words that are aligned as the unknown word."""
    if lang.unknown_word is None:
        return []
    return [w for w in text.split() if w not in lang.pronunciations or w == lang.unknown_word]


def _level_ranges(features: FeatureSet) -> NDArray[np.float64]:
    """(U,) from the quietest to the loudest tenth of the frames by the first coefficient.

    That is C0 or the log energy of cepstra, the lowest band of log-mel features.
    """
    ranges = np.zeros(features.num_utterances)
    for u in np.flatnonzero(features.lengths):
        levels = np.sort(features.utterance(int(u))[:, 0])
        last = len(levels) - 1
        quiet, loud = np.interp([0.1 * last, 0.9 * last], np.arange(last + 1), levels)
        ranges[u] = loud - quiet
    return ranges


def _mean(
    values: NDArray[np.float32], group: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    total = np.bincount(group, values, len(count))
    result: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result


def _robust_z(
    values: NDArray[np.float64], usual: NDArray[np.bool_], least_spread: float = 0.0
) -> NDArray[np.float64]:
    """(x - median) / (MAD / 0.6745), both of the ``usual`` ones; 0 where unknown."""
    known = values[usual]
    if not len(known):
        return np.zeros_like(values)
    middle = np.median(known)
    spread = max(float(np.median(np.abs(known - middle))) / 0.6745, least_spread)
    if spread == 0:
        return np.zeros_like(values)
    result: NDArray[np.float64] = np.nan_to_num((values - middle) / spread)
    return result
