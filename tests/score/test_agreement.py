"""Agreement of two decoders."""

from __future__ import annotations

from pipeline.score.agreement import OneBest, compare_decoders


def test_words_and_costs_are_compared_by_utterance() -> None:
    first = {"a": OneBest(("ONE",), 10.0), "b": OneBest(("TWO",), 20.0), "c": OneBest((), 1.0)}
    second = {"a": OneBest(("ONE",), 10.5), "b": OneBest(("SIX",), 19.0), "d": OneBest((), 1.0)}
    result = compare_decoders(first, second)
    assert (result.utterances, result.same_words, result.share) == (4, 1, 0.25)
    assert (result.largest_cost_difference, result.largest_cost_utterance) == (1.0, "b")
    assert result.different == ("b", "c", "d")


def test_nothing_in_common() -> None:
    result = compare_decoders({}, {})
    assert (result.share, result.largest_cost_difference) == (1.0, None)
