"""Pronunciation and silence probabilities from an alignment.

As Kaldi's steps/get_prons.sh counts and utils/dict_dir_add_pronprobs.sh smooths and scales them
(Chen et al. 2015, "Pronunciation and silence probability modeling for ASR"), but with one silence
probability for all words, as the training graphs and L.fst have one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.align.export import pronunciations_of
from pipeline.align.words import words_of_phones
from pipeline.hmm.lang import Lang

Said = tuple[str, tuple[str, ...]]  # a word of the lexicon and its phones


@dataclass
class PronunciationCounts:
    """What was said, over all utterances added."""

    pronunciations: Counter[Said] = field(default_factory=Counter)
    num_silences: int = 0  # places of optional silence that have one
    num_places: int = 0  # before the first word and after each word

    def add(self, phones: Sequence[str], words: Sequence[str], lang: Lang) -> None:
        """Count one utterance, given the phones of its alignment; without words nothing counts.

        Raises:
            ValueError: the phones do not spell the words.
        """
        if not words:
            return
        table = pronunciations_of(lang, words)
        spans = words_of_phones(phones, words, table, lang.silence_phones)
        for word, (first, number) in zip(words, spans, strict=True):
            known = word if word in lang.pronunciations else lang.unknown_word
            assert known is not None  # pronunciations_of knew the word
            self.pronunciations[known, tuple(phones[first : first + number])] += 1
        ends = [0, *(first + number for first, number in spans)]
        starts = [*(first for first, _ in spans), len(phones)]
        self.num_places += len(ends)
        self.num_silences += sum(end < start for end, start in zip(ends, starts, strict=True))


def estimate_pronunciations(
    lang: Lang, counts: PronunciationCounts, smoothing_count: float = 1.0
) -> Lang:
    """The lang with new probabilities; symbols and phones stay, so models stay valid.

    Each pronunciation's count, with ``smoothing_count`` added, is divided by that of the word's
    most frequent one, which so has probability 1: a word is not punished for having several
    (max_normalize of the Kaldi script). Silence: (silences + c) / (places + 2 c).

    Args:
        smoothing_count: above 0, so that what was never said stays possible.
    """
    smoothed = {
        (entry.word, entry.phones): counts.pronunciations[entry.word, entry.phones]
        + smoothing_count
        for entry in lang.lexicon
    }
    most: dict[str, float] = {}
    for (word, _), count in smoothed.items():
        most[word] = max(most.get(word, 0.0), count)
    lexicon = tuple(
        replace(entry, probability=smoothed[entry.word, entry.phones] / most[entry.word])
        for entry in lang.lexicon
    )
    silence = lang.silence_probability
    if silence > 0 and counts.num_places:  # 0: this lang has no optional silence
        silence = (counts.num_silences + smoothing_count) / (
            counts.num_places + 2.0 * smoothing_count
        )
    return replace(lang, lexicon=lexicon, silence_probability=silence)
