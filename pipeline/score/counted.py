"""Words that scoring counts as others: phones of one set as those of a smaller one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline.score.hypotheses import Hypotheses, Setting
from pipeline.score.references import Reference


def counted_as(words: Iterable[str], others: Mapping[str, str]) -> tuple[str, ...]:
    """Each word, or what it counts as; without those that count as ""."""
    return tuple(word for word in (others.get(word, word) for word in words) if word)


def count_references(
    references: Mapping[str, Reference], others: Mapping[str, str]
) -> dict[str, Reference]:
    """References in the words that count."""
    return {
        name: replace(reference, words=counted_as(reference.words, others))
        for name, reference in references.items()
    }


def count_hypotheses(
    table: Mapping[Setting, Hypotheses], others: Mapping[str, str]
) -> dict[Setting, Hypotheses]:
    """Hypotheses in the words that count; their costs are those of the search."""
    return {
        setting: {
            name: replace(hypothesis, words=counted_as(hypothesis.words, others))
            for name, hypothesis in hypotheses.items()
        }
        for setting, hypotheses in table.items()
    }
