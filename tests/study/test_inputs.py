"""What trainings share: a part of a corpus at even distances."""

from __future__ import annotations

import pytest

from pipeline.study.inputs import evenly


@pytest.mark.parametrize("max_frames", [10, 55, 300, 1000, 10**6])
def test_a_part_fits_and_spans_the_corpus(max_frames: int) -> None:
    lengths = [7 + (13 * i) % 11 for i in range(100)]
    chosen = evenly(lengths, max_frames, None)
    assert chosen == sorted(set(chosen))
    total = sum(lengths[i] for i in chosen)
    assert total <= max(max_frames, lengths[0])
    # Even distances: gaps, around the end too, differ by one at the most.
    gaps = {b - a for a, b in zip(chosen, [*chosen[1:], len(lengths)], strict=True)}
    assert max(gaps) - min(gaps) <= 1
    if max_frames >= sum(lengths):
        assert chosen == list(range(100))
    else:  # about as much as fits
        assert total + 2 * max(lengths) * max(1, len(chosen) // 10) > max_frames


def test_a_count_and_no_limit() -> None:
    assert evenly([5] * 10, None, 4) == [0, 2, 5, 7]
    assert evenly([5] * 3, None, 40) == [0, 1, 2]
    assert evenly([50] * 3, 1, None) == [0]
