"""Alignments made phone by phone, so that everything about them is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from tests.hmm.toy_hmm import transition_ids, windows


@dataclass(frozen=True)
class ToyPath:
    """An alignment that was made phone by phone: each with its HMM states, frame by frame."""

    utterances: list[list[tuple[int, list[int]]]]  # phone_id, HMM states; none: not aligned
    lengths: list[int]

    @property
    def offsets(self) -> NDArray[np.int64]:
        return np.concatenate(([0], np.cumsum(self.lengths))).astype(np.int64)

    def ids(self, hmm: Hmm) -> NDArray[np.int32]:
        """The alignment's transition_ids, 0 in utterances that are not aligned."""
        out: list[int] = []
        for utterance, length in zip(self.utterances, self.lengths, strict=True):
            phones = [phone for phone, _ in utterance]
            if not phones:
                out += [0] * length
            context = windows(phones, hmm.tree.context_width)
            for window, (_, states) in zip(context, utterance, strict=True):
                out += transition_ids(hmm, window, states)
        return np.array(out, np.int32)


def random_path(hmm: Hmm, rng: np.random.Generator) -> ToyPath:
    """Up to five utterances of up to five phones; some not aligned, some phones very short."""
    utterances, lengths = [], []
    for _ in range(rng.integers(1, 6)):
        utterance: list[tuple[int, list[int]]] = []
        for phone in rng.choice(hmm.topology.phone_ids, rng.integers(0, 6)).tolist():
            states, state = [], 0
            while state < len(hmm.topology.states(phone)):
                states.append(state)
                state = int(
                    rng.choice([d for d, _ in hmm.topology.states(phone)[state].transitions])
                )
            utterance.append((phone, states))
        utterances.append(utterance)
        frames = sum(len(states) for _, states in utterance)
        lengths.append(frames or int(rng.integers(1, 4)))
    return ToyPath(utterances, lengths)
