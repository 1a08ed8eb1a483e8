"""Every path of a small language of phones through an HMM, written down one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.nnet.sequence.phone_graph import Phones
from tests.hmm.toy_hmm import (
    compositions,
    phone_path,
    state_sequences,
    transition_ids,
    windows,
)

LogProb = Callable[[Phones], float]  # of a whole phone sequence


def every_path(
    hmm: Hmm, phones: Phones, num_frames: int, log_probs: NDArray[np.float64]
) -> Iterator[tuple[list[int], float]]:
    """pdf_ids and summed transition log-probabilities of each path of a phone sequence."""
    context = windows(phones, hmm.tree.context_width)
    for durations in compositions(num_frames, len(phones)):
        choices = [
            list(state_sequences(hmm, phone, duration))
            for phone, duration in zip(phones, durations, strict=True)
        ]
        for choice in itertools.product(*choices):
            pdfs: list[int] = []
            score = 0.0
            for window, states in zip(context, choice, strict=True):
                pdfs += [pdf for pdf, _, _ in phone_path(hmm, window, states)]
                score += sum(log_probs[i] for i in transition_ids(hmm, window, states))
            yield pdfs, score


def scored_paths(
    hmm: Hmm, log_prob: LogProb, log_likes: NDArray[np.float64], log_probs: NDArray[np.float64]
) -> Iterator[tuple[list[int], float]]:
    """pdf_ids and log-weight of each path through (T, P) scaled log-likelihoods.

    All sequences of the topology's phones are tried whose ``log_prob`` is not -inf.
    """
    num_frames = len(log_likes)
    for length in range(1, num_frames + 1):
        for phones in itertools.product(hmm.topology.phone_ids, repeat=length):
            weight = log_prob(phones)
            if not math.isfinite(weight):
                continue
            for pdfs, score in every_path(hmm, phones, num_frames, log_probs):
                acoustic = sum(log_likes[t, pdf] for t, pdf in enumerate(pdfs))
                yield pdfs, weight + score + acoustic
