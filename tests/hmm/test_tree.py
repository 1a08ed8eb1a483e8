"""Decision trees: look-up against following the questions by hand, reachable pdfs, JSON."""

from __future__ import annotations

import itertools
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency, leaves, monophone_tree
from tests.hmm.toy_hmm import quick, random_tree, toy_lang

seeds = st.integers(0, 2**32 - 1)


def tree_of(seed: int, position_dependent: bool = False) -> tuple[Topology, ContextDependency]:
    lang = toy_lang([("ab", 1.0, ["A", "B"])], position_dependent=position_dependent)
    topology = Topology.for_lang(lang)
    return topology, random_tree(lang, topology, np.random.default_rng(seed))


def all_events(topology: Topology) -> list[tuple[tuple[int, int, int], int]]:
    """Every window of phones, with every pdf class of its middle."""
    around = [0, *topology.phone_ids]
    return [
        ((left, phone, right), pdf_class)
        for left, phone, right in itertools.product(around, topology.phone_ids, around)
        for pdf_class in range(topology.num_pdf_classes(phone))
    ]


@quick
@given(seeds, st.booleans())
def test_possible_pdfs_are_those_that_some_window_reaches(
    seed: int, position_dependent: bool
) -> None:
    topology, tree = tree_of(seed, position_dependent)
    found: dict[tuple[int, int], set[int]] = {}
    for window, pdf_class in all_events(topology):
        found.setdefault((window[1], pdf_class), set()).add(tree.pdf_id(window, pdf_class))
    for (phone, pdf_class), pdfs in found.items():
        assert tree.possible_pdfs(phone, pdf_class) == sorted(pdfs)
    assert set().union(*found.values()) == set(range(tree.num_pdfs))


@quick
@given(seeds)
def test_json_keeps_every_answer_and_what_is_shared(seed: int) -> None:
    topology, tree = tree_of(seed, position_dependent=True)
    text = json.dumps(tree.to_json())
    again = ContextDependency.from_json(json.loads(text))
    events = all_events(topology)
    assert [again.pdf_id(*e) for e in events] == [tree.pdf_id(*e) for e in events]
    assert (again.context_width, again.central_position) == (3, 1)
    assert json.dumps(again.to_json()) == text
    assert len({id(r) for r in again.roots.values()}) == len({id(r) for r in tree.roots.values()})


def test_a_monophone_tree_numbers_the_states_of_each_set_in_turn() -> None:
    lang = toy_lang(position_dependent=True)
    topology = Topology.for_lang(lang)
    tree = monophone_tree(lang, topology)
    expected: dict[tuple[int, int], int] = {}
    number = 0
    for members in lang.phone_set_ids():
        for pdf_class in range(5 if 1 in members else 3):
            expected |= {(phone, pdf_class): number for phone in members}
            number += 1
    assert tree.num_pdfs == number == 5 + 3 * 3
    assert {key: leaves(root) for key, root in tree.roots.items()} == {
        key: [pdf] for key, pdf in expected.items()
    }
    assert all(tree.pdf_id((phone,), c) == pdf for (phone, c), pdf in expected.items())
