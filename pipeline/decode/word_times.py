"""When each word of a recognised sentence was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.align.export import pronunciations_of
from pipeline.align.segments import FrameSpan, split_to_phones
from pipeline.align.words import word_spans
from pipeline.decode.n_best import Sentence, WordLattice
from pipeline.hmm.lang import Lang
from pipeline.hmm.transition_model import TransitionModel


@dataclass(frozen=True)
class TimedWord:
    """A word, its time in seconds, and the probability that it was said."""

    word: str
    start: float
    end: float
    confidence: float


def word_frames(
    sentence: Sentence, lattice: WordLattice, lang: Lang, transitions: TransitionModel
) -> list[FrameSpan]:
    """Frames of each word, from the phones of the sentence's path.

    A path that ended inside a word (no final state was reached) has no whole phones there: then a
    word lasts from the node before it to the next.
    """
    ids = np.array(sentence.transition_ids(lattice), np.int32)
    try:
        phones = [
            FrameSpan(lang.phones.name(phone), start, length)
            for phone, start, length in split_to_phones(ids, transitions)
        ]
        table = pronunciations_of(lang, sentence.words)
        return word_spans(phones, sentence.words, table, lang.silence_phones)
    except ValueError:
        starts = [lattice["frame"][lattice["arcs"][arc][0]] for arc in sentence.arcs]
        ends = [*starts[1:], lattice["num_frames"]]
        return [
            FrameSpan(word, start, end - start)
            for word, start, end in zip(sentence.words, starts, ends, strict=False)
        ]


def timed_words(
    frames: Sequence[FrameSpan], confidences: Sequence[float], frame_shift: float, offset: float
) -> list[TimedWord]:
    """Frames as seconds: frame t covers [t, t + 1) * ``frame_shift``, after ``offset`` seconds."""
    return [
        TimedWord(
            span.label,
            offset + span.start * frame_shift,
            offset + (span.start + span.length) * frame_shift,
            confidence,
        )
        for span, confidence in zip(frames, confidences, strict=True)
    ]
