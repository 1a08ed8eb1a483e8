"""Growing of the tree: every split against exhaustive search, and the tying of leaves."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from pipeline.gmm.build_tree import build_tree
from pipeline.gmm.questions import automatic_questions
from pipeline.gmm.tree_statistics import TreeStatistics
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency
from tests.gmm.toy_tree import Row, merge_loss, plain_log_likelihood, random_statistics

SETS = [[1], [2, 3], [4], [5]]
SPEECH = [2, 3, 4, 5]
NUM_ROOTS = 5 + 3  # each state of silence, each set of speech phones
TOPOLOGY = Topology.for_phones(SPEECH, [1])
Group = dict[tuple[int, int, int, int], Row]  # events of a leaf


def statistics(seed: int) -> TreeStatistics:
    return random_statistics(np.random.default_rng(seed), [1], SPEECH)


def questions_of(stats: TreeStatistics) -> list[frozenset[int]]:
    """Automatic ones, and two that tell the phones of a set apart."""
    return [*automatic_questions(stats, SETS), frozenset([2]), frozenset([3, 5])]


def grow(
    stats: TreeStatistics, max_leaves: int, min_gain: float = 0.0, cluster: bool = False
) -> ContextDependency:
    return build_tree(
        stats, TOPOLOGY, SETS, [1], questions_of(stats), max_leaves, min_gain, cluster
    )


def leaves_of(tree: ContextDependency, stats: TreeStatistics) -> dict[int, Group]:
    """Events by leaf."""
    groups: dict[int, Group] = defaultdict(dict)
    for (left, phone, right, c), row in zip(stats.events.tolist(), stats.stats, strict=True):
        groups[tree.pdf_id((left, phone, right), c)][left, phone, right, c] = row
    return dict(groups)


def total(group: Group) -> Row:
    return np.sum(list(group.values()), axis=0)


def log_likelihood_of(tree: ContextDependency, stats: TreeStatistics) -> float:
    return sum(plain_log_likelihood(total(g)) for g in leaves_of(tree, stats).values())


def best_gain(group: Group, questions: list[frozenset[int]]) -> float:
    """The largest gain of any question at any place of the context, or at the pdf class."""
    asked = [(place, q) for place in (0, 1, 2) for q in questions]
    asked += [(3, frozenset(range(c))) for c in (1, 2)]
    best = -np.inf
    for place, question in asked:
        yes = {e: row for e, row in group.items() if e[place] in question}
        no = {e: row for e, row in group.items() if e[place] not in question}
        if yes and no:
            gain = plain_log_likelihood(total(yes)) + plain_log_likelihood(total(no))
            best = max(best, gain - plain_log_likelihood(total(group)))
    return best


def is_silence(group: Group) -> bool:
    return all(phone == 1 for _, phone, _, _ in group)


@pytest.mark.parametrize("seed", range(3))
def test_every_split_is_the_best_of_all_that_are_left(seed: int) -> None:
    stats = statistics(seed)
    tree = grow(stats, NUM_ROOTS)
    assert tree.num_pdfs == NUM_ROOTS
    for num_leaves in range(NUM_ROOTS + 1, NUM_ROOTS + 13):
        before = log_likelihood_of(tree, stats)
        speech = [g for g in leaves_of(tree, stats).values() if not is_silence(g)]
        expected = max(best_gain(g, questions_of(stats)) for g in speech)
        tree = grow(stats, num_leaves)
        assert tree.num_pdfs == num_leaves
        assert log_likelihood_of(tree, stats) - before == pytest.approx(expected, abs=1e-6)


def test_splitting_ends_where_the_gain_is_too_small() -> None:
    stats = statistics(4)
    min_gain = 40.0
    tree = grow(stats, 10_000, min_gain)
    speech = [g for g in leaves_of(tree, stats).values() if not is_silence(g)]
    assert len(speech) > 10
    assert all(best_gain(g, questions_of(stats)) < min_gain for g in speech)
    smaller = grow(stats, tree.num_pdfs - 1, min_gain)
    gain = log_likelihood_of(tree, stats) - log_likelihood_of(smaller, stats)
    assert gain >= min_gain


def test_silence_has_one_leaf_a_state_in_every_context() -> None:
    tree = grow(statistics(5), 60)
    for left, right in itertools.product(range(6), repeat=2):
        assert [tree.pdf_id((left, 1, right), c) for c in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(4))
def test_leaves_are_tied_until_every_merge_loses_more_than_the_smallest_split(seed: int) -> None:
    stats = statistics(seed)
    max_leaves = NUM_ROOTS + 30
    chain = [grow(stats, n) for n in range(NUM_ROOTS, max_leaves + 1)]
    totals = [log_likelihood_of(tree, stats) for tree in chain]
    smallest = float(np.diff(totals).min())
    grown, tied = chain[-1], grow(stats, max_leaves, cluster=True)
    # Leaves are only joined, never cut, and only below one root.
    joined: dict[int, set[int]] = defaultdict(set)
    for left, phone, right, c in stats.events.tolist():
        joined[tied.pdf_id((left, phone, right), c)].add(grown.pdf_id((left, phone, right), c))
    assert sorted(n for members in joined.values() for n in members) == list(range(max_leaves))
    groups = leaves_of(tied, stats)
    root_of = {
        pdf: {(2 if phone == 3 else phone, c if phone == 1 else 0) for _, phone, _, c in group}
        for pdf, group in groups.items()
    }
    assert all(len(roots) == 1 for roots in root_of.values())
    for a, b in itertools.combinations(groups, 2):
        if root_of[a] == root_of[b]:
            assert merge_loss(total(groups[a]), total(groups[b])) > 0.9999 * smallest
    # What all merges lose together: no more than one smallest split each.
    num_merges = max_leaves - tied.num_pdfs
    lost = totals[-1] - log_likelihood_of(tied, stats)
    assert 0 <= lost <= num_merges * smallest + 1e-6
    assert sorted(joined) == list(range(tied.num_pdfs))


def test_some_leaves_are_tied() -> None:
    tied = [grow(statistics(seed), NUM_ROOTS + 30, cluster=True).num_pdfs for seed in range(4)]
    assert min(tied) < NUM_ROOTS + 30


def test_phones_never_seen_still_have_a_pdf_in_every_context() -> None:
    stats = random_statistics(np.random.default_rng(6), [1], [2, 3])  # phones 4 and 5 have no data
    tree = build_tree(stats, TOPOLOGY, SETS, [1], automatic_questions(stats, SETS), 30, 0.0)
    found = {
        tree.pdf_id((left, phone, right), c)
        for left, phone, right in itertools.product(range(6), SPEECH, range(6))
        for c in range(3)
    }
    assert found == set(range(5, tree.num_pdfs))


@pytest.mark.parametrize("seed", range(8))
def test_the_last_digits_of_sums_do_not_change_the_tree(seed: int) -> None:
    """As they differ between one shard and several."""
    stats = statistics(seed)
    rng = np.random.default_rng(seed)
    tree = grow(stats, NUM_ROOTS + 25, cluster=True).to_json()
    for _ in range(4):
        noise = 1 + 1e-14 * rng.standard_normal(stats.stats.shape)
        noise[:, 0] = 1  # counts are exact
        other = TreeStatistics(stats.events, stats.stats * noise)
        assert grow(other, NUM_ROOTS + 25, cluster=True).to_json() == tree
