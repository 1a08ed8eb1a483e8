"""Oracle errors against the nearest of all sentences."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.score.oracle import oracle_errors
from tests.decode.random_lattices import LM_WEIGHT, all_sentences, levenshtein, random_lattice


@settings(max_examples=80)
@given(st.integers(0, 2**31), st.lists(st.sampled_from("abcd"), max_size=5).map(tuple))
def test_oracle_errors_are_those_of_the_nearest_sentence(
    seed: int, reference: tuple[str, ...]
) -> None:
    lattice = random_lattice(seed)
    every = all_sentences(lattice, LM_WEIGHT)
    assert oracle_errors(lattice, reference) == min(levenshtein(reference, s) for s in every)
