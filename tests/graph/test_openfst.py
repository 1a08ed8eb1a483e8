"""OpenFst files against kaldifst, which is OpenFst."""

from __future__ import annotations

from pathlib import Path

import kaldifst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.exchange import from_kaldifst, lattice_from_kaldifst, to_kaldifst
from pipeline.graph.fst import Fst, from_tuples
from pipeline.graph.openfst import fst_bytes, parse_fst, read_fst, write_fst
from pipeline.io.errors import UserError

ARC = st.tuples(
    st.integers(0, 6),
    st.integers(0, 9),
    st.integers(0, 9),
    st.floats(-5, 5, width=32),
    st.integers(0, 6),
)
FST = st.builds(
    from_tuples,
    st.lists(ARC, min_size=1),
    st.dictionaries(st.integers(0, 6), st.floats(0, 5, width=32)),
)


def same(a: Fst, b: Fst) -> bool:
    """Equal in every array."""
    return a.start == b.start and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("final", "first_arc", "ilabel", "olabel", "cost", "nextstate")
    )


@given(FST)
def test_openfst_reads_what_is_written(fst: Fst) -> None:
    theirs = to_kaldifst(fst)
    assert (theirs.start, theirs.num_states) == (fst.start, fst.num_states)
    found = [
        (state, arc.ilabel, arc.olabel, arc.weight.value, arc.nextstate)
        for state in range(theirs.num_states)
        for arc in kaldifst.ArcIterator(theirs, state)
    ]
    columns = (fst.source, fst.ilabel, fst.olabel, fst.cost, fst.nextstate)
    assert found == list(zip(*(column.tolist() for column in columns), strict=True))
    assert [theirs.final(state).value for state in range(fst.num_states)] == fst.final.tolist()


@given(FST)
def test_both_kinds_come_back_the_same(fst: Fst) -> None:
    assert same(parse_fst(fst_bytes(fst, "vector")), fst)
    assert same(parse_fst(fst_bytes(fst, "const")), fst)
    assert same(from_kaldifst(to_kaldifst(fst)), fst)


def test_const_file_is_openfsts(tmp_path: Path) -> None:
    fst = from_tuples([(0, 1, 2, 0.5, 1), (0, 0, 3, 0.25, 2), (1, 4, 0, 1.5, 2)], {2: 0.75})
    write_fst(tmp_path / "a.fst", fst, "const")
    const = kaldifst.StdConstFst.read(str(tmp_path / "a.fst"))
    assert const.type == "const"
    assert const.num_input_epsilons(0) == 1
    const.write(str(tmp_path / "b.fst"))
    ours, theirs = ((tmp_path / name).read_bytes() for name in ("a.fst", "b.fst"))
    header = 4 + 4 + 5 + 4 + 8 + 4 + 4  # what precedes the property bits
    assert ours[:header] == theirs[:header]
    assert ours[header + 8 :] == theirs[header + 8 :]
    assert same(read_fst(tmp_path / "b.fst"), fst)


def test_a_lattice_keeps_both_costs() -> None:
    lattice = kaldifst.Lattice()
    for _ in range(2):
        lattice.add_state()
    lattice.start = 0
    weight = kaldifst.LatticeWeight(graph_cost=1.5, acoustic_cost=-2.25)
    lattice.add_arc(0, kaldifst.LatticeArc(3, 4, weight, 1))
    lattice.set_final(1, kaldifst.LatticeWeight(0.5, 0.25))
    arrays = lattice_from_kaldifst(lattice)
    assert arrays.cost.tolist() == [[1.5, -2.25]]
    assert arrays.final[1].tolist() == [0.5, 0.25]
    assert not np.isfinite(arrays.final[0, 0])
    assert (arrays.ilabel.tolist(), arrays.olabel.tolist()) == ([3], [4])


@pytest.mark.parametrize("kind", ["vector", "const"])
def test_a_cut_file_is_one_line(tmp_path: Path, kind: str) -> None:
    fst = from_tuples([(0, 1, 2, 0.5, 1), (1, 0, 3, 0.25, 0)], {1: 0.75})
    data = fst_bytes(fst, kind)
    for length in range(len(data)):
        (tmp_path / "G.fst").write_bytes(data[:length])
        with pytest.raises(UserError, match=r"G\.fst: not a whole OpenFst"):
            read_fst(tmp_path / "G.fst")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "G.fst").write_text("0 1 a b 0.5\n1\n")
    with pytest.raises(UserError, match="no OpenFst header"):
        read_fst(tmp_path / "G.fst")
    with pytest.raises(UserError, match="no such graph"):
        read_fst(tmp_path / "none.fst")
