"""The n-gram model of phones: counted by hand, and as an acceptor that says the same."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from pipeline.io.archive import write_int_vectors
from pipeline.nnet.sequence.phone_graph import EDGE, PhoneGraph, PhoneNgram, Phones, read_phones
from tests.hmm.toy_hmm import random_hmm, toy_lang
from tests.hmm.toy_paths import random_path

SEQUENCES: list[Phones] = [(1, 2, 1), (1, 2, 2), (2,), (1, 2, 1)]


def accepted(graph: PhoneGraph, phones: Phones) -> float:
    """Log of the summed weights of all paths with these phones."""
    at = {0: 0.0}
    for phone in phones:
        after: dict[int, float] = defaultdict(lambda: -math.inf)
        for source, destination, label, log_prob in graph.arcs:
            if label == phone and source in at:
                score = at[source] + log_prob
                after[destination] = float(np.logaddexp(after[destination], score))
        at = after
    ends = [score + graph.final[state] for state, score in at.items() if state in graph.final]
    return float(np.logaddexp.reduce(ends)) if ends else -math.inf


def test_a_bigram_by_hand() -> None:
    ngram = PhoneNgram(SEQUENCES, 2)
    assert ngram.log_prob((EDGE,), 1) == pytest.approx(math.log(3 / 4))
    assert ngram.log_prob((1,), 2) == pytest.approx(math.log(3 / 5))
    assert ngram.log_prob((1,), EDGE) == pytest.approx(math.log(2 / 5))
    assert ngram.log_prob((2,), 2) == pytest.approx(math.log(1 / 5))
    assert ngram.log_prob((1,), 1) == -math.inf
    graph = ngram.graph()
    # 1 2 1: 3/4 of beginning with 1, 3/5 for 1 2, 2/5 for 2 1, 2/5 for the end.
    expected = math.log(3 / 4 * 3 / 5 * 2 / 5 * 2 / 5)
    assert accepted(graph, (1, 2, 1)) == pytest.approx(expected)
    assert accepted(ngram.chain((1, 2, 1)), (1, 2, 1)) == pytest.approx(expected)
    assert accepted(graph, (1, 1)) == -math.inf


def test_long_histories_allow_only_what_was_said() -> None:
    graph = PhoneNgram(SEQUENCES, 5).graph()
    for length in (1, 2, 3, 4):
        for phones in itertools.product((1, 2), repeat=length):
            share = SEQUENCES.count(phones) / len(SEQUENCES)
            assert math.exp(accepted(graph, phones)) == pytest.approx(share)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_model_is_a_distribution(order: int) -> None:
    """What leaves a state, its end included, sums to one."""
    graph = PhoneNgram(SEQUENCES, order).graph()
    total: dict[int, float] = defaultdict(float)
    for source, _, _, log_prob in graph.arcs:
        total[source] += math.exp(log_prob)
    for state, log_prob in graph.final.items():
        total[state] += math.exp(log_prob)
    assert list(total.values()) == pytest.approx([1.0] * len(total))


def test_phones_of_an_archive_of_alignments(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    hmm = random_hmm(toy_lang(), rng)
    while True:
        path = random_path(hmm, rng)
        if sum(bool(utterance) for utterance in path.utterances) > 2:
            break
    ids, names = path.ids(hmm), [f"u{n}" for n in range(len(path.lengths))]
    pairs = [
        (name, ids[low:high])
        for name, low, high in zip(names, path.offsets[:-1], path.offsets[1:], strict=True)
        if ids[low]
    ]
    write_int_vectors(tmp_path / "ali.ark", tmp_path / "ali.scp", pairs)
    wanted = [name for name, _ in pairs][1:]
    found = read_phones(tmp_path / "ali.scp", hmm, wanted)
    assert found == {
        name: tuple(phone for phone, _ in path.utterances[names.index(name)]) for name in wanted
    }
