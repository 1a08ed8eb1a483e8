"""Error counts against a plain recursive edit distance, and Kaldi's line."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from pipeline.score.references import Reference
from pipeline.score.wer import (
    GAP,
    Alignments,
    Errors,
    align_words,
    by_speaker,
    confusions,
    count_errors,
    kaldi_line,
    total,
)

WORDS = st.lists(st.sampled_from(["ONE", "TWO", "THREE", "<eps>", "*"]), max_size=6)


def edit_distance(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    """Levenshtein's recursion, written down as it is defined."""

    @cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        same = reference[i - 1] == hypothesis[j - 1]
        return min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (not same),
        )

    return distance(len(reference), len(hypothesis))


@given(WORDS, WORDS)
def test_errors_are_the_edit_distance_and_the_pairs_spell_both_sides(
    reference: list[str], hypothesis: list[str]
) -> None:
    pairs = align_words(reference, hypothesis)
    assert [r for r, _ in pairs if r != GAP] == reference
    assert [h for _, h in pairs if h != GAP] == hypothesis
    counts = count_errors(pairs)
    assert counts.errors == edit_distance(tuple(reference), tuple(hypothesis))
    assert counts.words == len(reference)
    assert counts.insertions - counts.deletions == len(hypothesis) - len(reference)


def test_kinds_of_error() -> None:
    assert count_errors(align_words(["A", "B", "C"], ["A", "X", "C", "D"])) == Errors(3, 1, 0, 1)
    assert count_errors(align_words(["A", "B"], [])) == Errors(2, 0, 2, 0)
    assert count_errors(align_words([], ["A"])) == Errors(0, 1, 0, 0)


def test_kaldi_line_is_that_of_compute_wer() -> None:
    assert kaldi_line(Errors(300, 0, 0, 1)) == "%WER 0.33 [ 1 / 300, 0 ins, 0 del, 1 sub ]"
    assert kaldi_line(Errors(6553, 197, 223, 1512)) == (
        "%WER 29.48 [ 1932 / 6553, 197 ins, 223 del, 1512 sub ]"
    )


def references() -> dict[str, Reference]:
    texts = {"a-1": ("a", "ONE TWO"), "a-2": ("a", "TWO"), "b-1": ("b", "ONE ONE ONE")}
    return {u: Reference(u, s, tuple(t.split())) for u, (s, t) in texts.items()}


def test_missing_hypothesis_is_all_deletions() -> None:
    counted = Alignments(references()).by_utterance({"a-1": ("ONE", "TWO"), "a-2": ("ONE",)})
    assert counted == {"a-1": Errors(2), "a-2": Errors(1, 0, 0, 1), "b-1": Errors(3, 0, 3, 0)}


def test_speakers_add_up_to_the_total() -> None:
    counted = Alignments(references()).by_utterance({"a-2": ("ONE",), "b-1": ("ONE", "TWO")})
    table = by_speaker(references(), counted)
    assert {s: n for s, (n, _) in table.items()} == {"a": 2, "b": 1}
    assert total(errors for _, errors in table.values()) == total(counted.values())
    assert table["b"][1].errors == 2


def test_confusions_are_counted_most_frequent_first() -> None:
    pairs = [("A", "B"), ("A", "A"), ("A", "B"), ("", "C"), ("A", "")]
    assert confusions(pairs) == [("A", "B", 2), ("", "C", 1), ("A", "", 1), ("A", "A", 1)]
