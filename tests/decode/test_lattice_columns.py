"""Lattices read as columns and written again, against ``json``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.lattice_columns import LatticeColumns
from pipeline.decode.n_best import WordLattice
from pipeline.decode.rounding import rounded
from pipeline.io.json_lines import json_line
from tests.decode.random_lattices import columns, random_lattice

# What JSON escapes, and what looks like the end of a word or a row.
ODD = [
    '"',
    "\\",
    '\\"',
    "\\\\",
    ", ",
    "]], [",
    '", 1.0',
    '"final": [',
    "é",
    "語",
    "\x01",
    "a" * 300,
]
COSTS = st.one_of(
    st.floats(-1e6, 1e6).map(lambda cost: round(cost, 4)),
    st.sampled_from([0.0, -0.0, 1e-4, -1e-4, 12345678901.2345, 0.1, 100.0]),
)


@st.composite
def odd_lattices(draw: st.DrawFn) -> WordLattice:
    """Random lattices with odd words, ids and costs."""
    lattice = random_lattice(draw(st.integers(0, 2**31)))
    lattice["utterance_id"] = draw(st.sampled_from(ODD))
    lattice["reached_final"] = draw(st.booleans())
    for arc in lattice["arcs"]:
        arc[2:5] = [draw(st.sampled_from(["a", "b", *ODD])), draw(COSTS), draw(COSTS)]
    for entry in lattice["final"]:
        entry[1:3] = [draw(st.floats(-1e20, 1e20)), draw(COSTS)]
    return lattice


@settings(max_examples=100)
@given(odd_lattices())
def test_columns_are_those_of_the_lattice_and_so_is_the_line(lattice: WordLattice) -> None:
    found = columns(lattice)
    assert found.utterance_id == lattice["utterance_id"]
    assert found.about["reached_final"] == lattice["reached_final"]
    assert found.frame.tolist() == lattice["frame"]
    assert list(found.words) == sorted({arc[2] for arc in lattice["arcs"]})
    for rows, given_rows in ((found.arcs, lattice["arcs"]), (found.ends, lattice["final"])):
        costs = [row[-3:-1] for row in given_rows]
        assert np.stack((rows.acoustic, rows.graph), axis=1).tolist() == costs
    assert found.arcs.nodes.tolist() == [arc[:2] for arc in lattice["arcs"]]
    assert [found.words[word] for word in found.arcs.word] == [arc[2] for arc in lattice["arcs"]]
    assert found.ends.nodes[:, 0].tolist() == [entry[0] for entry in lattice["final"]]
    assert found.line() == json_line(lattice)
    assert json.loads(found.line()) == lattice
    for row in (*lattice["arcs"], *lattice["final"]):
        row[-1] = []
    assert found.without_ids() == lattice


@given(st.lists(st.floats(-1e11, 1e11, exclude_min=True, exclude_max=True), min_size=1))
def test_costs_are_rounded_as_python_rounds_them(costs: list[float]) -> None:
    halves = [round(cost / 1e5) / 32 for cost in costs]  # exact halves of the last decimal
    nearly = [float(np.nextafter(half, side)) for half in halves for side in (-np.inf, np.inf)]
    given_costs = [*costs, *halves, *nearly, *(cost / 1e8 for cost in costs)]
    expected = [round(cost, 4) for cost in given_costs]
    assert list(map(repr, rounded(np.array(given_costs)).tolist())) == list(map(repr, expected))
    rows = [[n, n + 1, "a", 0.5, cost, [1]] for n, cost in enumerate(given_costs)]
    frame = list(range(len(rows) + 1))
    lattice = {**random_lattice(0), "frame": frame, "arcs": rows, "final": []}
    written = json.loads(columns(lattice).line())["arcs"]
    assert [repr(row[4]) for row in written] == list(map(repr, expected))


@settings(max_examples=200)
@given(st.integers(0, 50), st.floats(0, 1), st.sampled_from([b"", b"\n", b"]", b'"', b"x", b"\\"]))
def test_a_damaged_line_is_refused(seed: int, where: float, put: bytes) -> None:
    line = json_line(random_lattice(seed))[:-1]
    for cut in (line[: int(where * (len(line) - 1))] + put, line[: len(line) // 2] + put):
        with pytest.raises(ValueError, match=r"."):
            LatticeColumns.parse(cut)


@settings(max_examples=200)
@given(st.integers(0, 50), st.integers(0, 2**31))
def test_a_changed_byte_is_refused_or_read_as_json_reads_it(seed: int, change: int) -> None:
    line = bytearray(json_line(random_lattice(seed)))
    line[change // 256 % len(line)] = change % 256
    try:
        found = LatticeColumns.parse(bytes(line))
        item = json.loads(line)
    except ValueError:
        return
    assert found.utterance_id == item["utterance_id"]
    assert found.arcs.nodes.tolist() == [arc[:2] for arc in item["arcs"]]
    assert found.ends.graph.tolist() == [entry[2] for entry in item["final"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arcs": [[1, 0, "a", 1.0, 1.0, []]]}, "an arc to an earlier node"),
        ({"arcs": [[0, 9, "a", 1.0, 1.0, []]]}, "a node that is not there"),
        ({"final": [[9, 1.0, 1.0, []]]}, "a node that is not there"),
        ({"arcs": [[0, 1, "a", 1.0, []]]}, "not a lattice as the searches write it"),
        ({"arcs": None}, "not a lattice as the searches write it"),
    ],
)
def test_what_is_no_lattice_is_refused(change: WordLattice, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        columns({**random_lattice(0), "frame": [0, 5], "arcs": [], "final": []} | change)


def test_a_cost_too_large_is_refused() -> None:
    lattice = random_lattice(0)
    lattice["arcs"][0][4] = 1e11
    with pytest.raises(ValueError, match="of u0 has a cost that is no cost"):
        columns(lattice).line()
