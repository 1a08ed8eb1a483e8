"""Lattices in other tools' forms, read back identical."""

from __future__ import annotations

from pathlib import Path

import kaldifst
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode.lattice_files import expanded, read_kaldi_text, write_kaldi_text
from pipeline.graph.exchange import lattice_from_kaldifst
from pipeline.graph.openfst import lattice_bytes, parse_lattice
from pipeline.io.errors import UserError
from tests.decode.random_lattices import LM_WEIGHT, WORDS, all_sentences, random_lattice

FIELDS = ("start", "final", "first_arc", "ilabel", "olabel", "cost", "nextstate")


def test_kaldis_text_form_is_read_back_identical(tmp_path: Path) -> None:
    lattices = [random_lattice(seed) for seed in range(40)]
    write_kaldi_text(tmp_path / "lat.txt", lattices, WORDS)
    assert list(read_kaldi_text(tmp_path / "lat.txt", WORDS, LM_WEIGHT)) == lattices


def test_kaldis_text_form_by_hand(tmp_path: Path) -> None:
    lattice = {
        **{"utterance_id": "u", "num_frames": 3, "reached_final": True, "lm_weight": 2.0},
        **{
            "frame": [0, 2],
            "arcs": [[0, 1, "b", 1.5, 0.25, [4, 5]]],
            "final": [[1, 2.0, 0.0, [7]]],
        },
    }
    write_kaldi_text(tmp_path / "lat.txt", [lattice], WORDS)
    text = (tmp_path / "lat.txt").read_text()
    assert text == "u \n0\t1\t2\t0.25,1.5,4_5\n1\t0.0,2.0,7\n\n"


@pytest.mark.parametrize(
    "line", ["0 1 9 1,2,3", "0 1 1 1,2", "1 0 1 1,2,3", "0 1 1 x,2,3", "5 6 1 1,2,3", "0 1 1 1,2,z"]
)
def test_a_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "lat.txt").write_text(f"u\n{line}\n1 1,2,3\n\n")
    with pytest.raises(UserError, match=r"lat.txt: line 2: not a lattice"):
        list(read_kaldi_text(tmp_path / "lat.txt", WORDS, LM_WEIGHT))


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_openfst_reads_the_lattice_and_gives_it_back(seed: int) -> None:
    lattice = random_lattice(seed)
    arrays = expanded(lattice, WORDS)
    again = parse_lattice(lattice_bytes(arrays))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(arrays, name))


def test_kaldifst_reads_it_and_finds_the_best_path(tmp_path: Path) -> None:
    lattice = random_lattice(5)
    arrays = expanded(lattice, WORDS)
    (tmp_path / "lat.fst").write_bytes(lattice_bytes(arrays))
    read = kaldifst.Lattice.read(str(tmp_path / "lat.fst"))
    again = lattice_from_kaldifst(read)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(arrays, name))
    best = kaldifst.shortest_path(read)
    linear, _, words, weight = kaldifst.get_linear_symbol_sequence(best)
    assert linear
    costs = all_sentences(lattice, 1.0)  # Kaldi adds both costs as they are
    assert tuple(WORDS.name(w) for w in words) == min(costs, key=lambda s: costs[s])
    assert weight.value1 + weight.value2 == pytest.approx(min(costs.values()), abs=1e-4)
