"""Word errors: Levenshtein alignment of reference and hypothesis, counted in several ways.

The alignment is kaldialign's, the code of Kaldi's compute-wer and align-text. Among alignments with
the fewest errors it chooses one, so that substitutions, insertions and deletions are always counted
on the same alignment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import kaldialign

from pipeline.score.references import Reference

GAP = ""  # no word; a word is never empty, since words are split at white space


@dataclass(frozen=True)
class Errors:
    """Word and error counts; they add up."""

    words: int = 0  # in the reference
    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0

    @property
    def errors(self) -> int:
        """All three kinds together."""
        return self.insertions + self.deletions + self.substitutions

    @property
    def wer(self) -> float:
        """Errors a reference word, in per cent; infinite for insertions into nothing."""
        if self.words:
            return 100.0 * self.errors / self.words
        return float("inf") if self.errors else 0.0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.words + other.words,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.substitutions + other.substitutions,
        )


def total(counts: Iterable[Errors]) -> Errors:
    """Sum of error counts."""
    return sum(counts, Errors())


def align_words(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (reference word, hypothesis word) of a best alignment; GAP stands for no word.

    Examples:
        >>> align_words(["ONE", "TWO"], ["ONE"])
        [('ONE', 'ONE'), ('TWO', '')]
    """
    if tuple(reference) == tuple(hypothesis):
        return [(word, word) for word in reference]
    return [(r, h) for r, h in kaldialign.align(list(reference), list(hypothesis), GAP)]


def count_errors(pairs: Iterable[tuple[str, str]]) -> Errors:
    """Count the pairs of an alignment."""
    words = insertions = deletions = substitutions = 0
    for reference, hypothesis in pairs:
        if reference == GAP:
            insertions += 1
            continue
        words += 1
        if hypothesis == GAP:
            deletions += 1
        elif reference != hypothesis:
            substitutions += 1
    return Errors(words, insertions, deletions, substitutions)


def kaldi_line(errors: Errors) -> str:
    """The line that Kaldi's compute-wer prints.

    Examples:
        >>> kaldi_line(Errors(300, 0, 0, 1))
        '%WER 0.33 [ 1 / 300, 0 ins, 0 del, 1 sub ]'
    """
    return (
        f"%WER {errors.wer:.2f} [ {errors.errors} / {errors.words}, {errors.insertions} ins, "
        f"{errors.deletions} del, {errors.substitutions} sub ]"
    )


@dataclass
class Alignments:
    """Aligns hypotheses with the references of a set; each distinct pair is aligned once."""

    references: Mapping[str, Reference]
    _counted: dict[tuple[str, tuple[str, ...]], Errors] = field(default_factory=dict)

    def pairs(self, utterance_id: str, words: Sequence[str]) -> list[tuple[str, str]]:
        """Aligned word pairs of one utterance."""
        return align_words(self.references[utterance_id].words, words)

    def errors(self, utterance_id: str, words: tuple[str, ...]) -> Errors:
        """Error counts of one utterance."""
        key = (utterance_id, words)
        if key not in self._counted:
            self._counted[key] = count_errors(self.pairs(utterance_id, words))
        return self._counted[key]

    def by_utterance(self, hypotheses: Mapping[str, tuple[str, ...]]) -> dict[str, Errors]:
        """Error counts of every reference utterance; one without hypothesis is all deletions."""
        return {
            utterance_id: self.errors(utterance_id, hypotheses.get(utterance_id, ()))
            for utterance_id in self.references
        }


def by_speaker(
    references: Mapping[str, Reference], errors: Mapping[str, Errors]
) -> dict[str, tuple[int, Errors]]:
    """Speaker -> (utterances, error counts), sorted by speaker."""
    table: dict[str, tuple[int, Errors]] = {}
    for utterance_id, counts in errors.items():
        speaker = references[utterance_id].speaker
        utterances, so_far = table.get(speaker, (0, Errors()))
        table[speaker] = (utterances + 1, so_far + counts)
    return dict(sorted(table.items()))


def confusions(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """(reference, hypothesis, count) of each kind of pair, correct ones too, frequent first."""
    counted = Counter(pairs)
    rows = [(reference, hypothesis, count) for (reference, hypothesis), count in counted.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))
