"""How well a voice is understood: the recogniser's word errors on what it says."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import JudgeOptions
from pipeline.decode.recogniser import Recogniser
from pipeline.score.bootstrap import no_error_limit, wer_interval
from pipeline.score.wer import align_words, count_errors, total


@dataclass(frozen=True)
class Said:
    """Something said: who, which words, (n,) samples."""

    speaker: str
    words: tuple[str, ...]
    samples: NDArray[np.float32]


Prompt = tuple[str, tuple[str, ...], float]  # speaker, words, rate


def prompts(
    words: Sequence[str], speakers: Sequence[str], options: JudgeOptions, seed: int
) -> dict[str, list[Prompt]]:
    """Speaker, words and rate of everything to be said: `isolated` words and random `strings`."""
    generator = random.Random(seed)
    isolated: list[Prompt] = [
        (speaker, (word,), rate) for speaker in speakers for word in words for rate in options.rates
    ]
    strings: list[Prompt] = []
    for speaker in speakers:
        for _ in range(options.num_strings):
            length = generator.randint(options.min_words, options.max_words)
            strings.append((speaker, tuple(generator.choices(words, k=length)), 1.0))
    return {"isolated": isolated, "strings": strings}


def understood(said: Iterable[Said], recogniser: Recogniser, seed: int) -> dict[str, Any]:
    """Words, errors, WER (per cent) with its interval, and the first things misheard.

    Each speaker's statistics (CMVN) are those of all that this set has of it.
    """
    everything = list(said)
    by_speaker = {s: [x for x in everything if x.speaker == s] for s in _speakers(everything)}
    errors, misheard = [], []
    for items in by_speaker.values():
        frames = [recogniser.extract(item.samples) for item in items]
        statistics = recogniser.statistics(np.concatenate(frames))
        for item, block in zip(items, frames, strict=True):
            found = [word.word for word in recogniser.recognise(block, statistics)]
            counts = count_errors(align_words(item.words, found))
            errors.append(counts)
            if counts.errors:
                pair = {"said": " ".join(item.words), "heard": " ".join(found)}
                misheard.append({"speaker": item.speaker, **pair})
    sums = total(errors)
    return {
        "utterances": len(errors),
        "words": sums.words,
        "errors": sums.errors,
        "wer": sums.wer,
        "interval": asdict(wer_interval(errors, seed)),
        "no_error_limit": None if sums.errors else no_error_limit(sums.words),
        "misheard": misheard[:20],
        # Words, insertions, deletions and substitutions of each, by speaker in the order asked for.
        "counts": [[e.words, e.insertions, e.deletions, e.substitutions] for e in errors],
    }


def _speakers(said: Sequence[Said]) -> list[str]:
    return sorted({item.speaker for item in said})
