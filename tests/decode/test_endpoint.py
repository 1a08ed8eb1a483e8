"""Kaldi's default endpoint rules, as online-endpoint.h states them."""

from __future__ import annotations

from math import inf

import pytest

from pipeline.decode.endpoint import KALDI_RULES, is_endpoint


@pytest.mark.parametrize(
    ("length", "silence", "cost", "expected"),
    [
        (4.9, 4.9, 0.0, False),  # rule 1: nothing was said
        (5.0, 5.0, inf, True),
        (3.0, 0.4, 0.0, False),  # rule 2: a final state is near
        (3.0, 0.5, 2.0, True),
        (3.0, 0.5, 2.1, False),
        (3.0, 1.0, 8.0, True),  # rule 3
        (3.0, 1.9, 8.1, False),
        (3.0, 2.0, inf, True),  # rule 4: no final state at all
        (2.0, 2.0, 0.0, False),  # silence alone
        (19.9, 0.0, inf, False),  # rule 5
        (20.0, 0.0, inf, True),
    ],
)
def test_default_rules(length: float, silence: float, cost: float, expected: bool) -> None:
    assert is_endpoint(KALDI_RULES, length, silence, cost) is expected


def test_without_rules_there_is_no_end() -> None:
    assert not is_endpoint((), 1e6, 1e6, 0.0)
