"""Archives against kaldi_native_io (Kaldi's own code) and kaldiio, and against damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kaldi_native_io
import kaldiio
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.io.archive import (
    read_int_vectors,
    read_matrices,
    write_int_vectors,
    write_matrices,
)
from pipeline.io.errors import UserError

Items = list[tuple[str, npt.NDArray[np.float32]]]


@pytest.fixture
def items() -> Items:
    rng = np.random.default_rng(5)
    shapes = [(3, 2), (1, 1), (40, 13), (0, 0), (7, 39)]
    return [
        (f"utt-{i}", rng.standard_normal(shape).astype(np.float32))
        for i, shape in enumerate(shapes)
    ]


def same(ours: list[tuple[str, npt.NDArray[np.float32]]], items: Items) -> bool:
    return [key for key, _ in ours] == [key for key, _ in items] and all(
        np.array_equal(mine, given) for (_, mine), (_, given) in zip(ours, items, strict=True)
    )


def test_matrix_bytes_are_kaldis(tmp_path: Path, items: Items) -> None:
    ark, scp = tmp_path / "ours.ark", tmp_path / "ours.scp"
    assert write_matrices(ark, scp, items) == len(items)
    theirs = tmp_path / "theirs.ark"
    writer = kaldi_native_io.FloatMatrixWriter(f"ark,scp:{theirs},{tmp_path / 'theirs.scp'}")
    for key, value in items:
        writer.write(key, value)
    writer.close()
    assert ark.read_bytes() == theirs.read_bytes()
    assert scp.read_text() == (tmp_path / "theirs.scp").read_text().replace("theirs", "ours")


def test_double_matrix_bytes_are_kaldis(tmp_path: Path) -> None:
    value = np.random.default_rng(0).standard_normal((2, 14))
    write_matrices(tmp_path / "ours.ark", None, [("speaker", value)], dtype=np.float64)
    writer = kaldi_native_io.DoubleMatrixWriter(f"ark:{tmp_path / 'theirs.ark'}")
    writer.write("speaker", value)
    writer.close()
    assert (tmp_path / "ours.ark").read_bytes() == (tmp_path / "theirs.ark").read_bytes()


def test_int_vector_bytes_are_kaldis(tmp_path: Path) -> None:
    vectors = [("a", [1, 2, -3, 2**31 - 1]), ("b", []), ("c", [0])]
    write_int_vectors(tmp_path / "ours.ark", None, vectors)
    writer = kaldi_native_io.Int32VectorWriter(f"ark:{tmp_path / 'theirs.ark'}")
    for key, vector in vectors:
        writer.write(key, vector)
    writer.close()
    assert (tmp_path / "ours.ark").read_bytes() == (tmp_path / "theirs.ark").read_bytes()
    read = [(key, vector.tolist()) for key, vector in read_int_vectors(tmp_path / "ours.ark")]
    assert read == vectors


def test_kaldiio_reads_ark_and_scp(tmp_path: Path, items: Items) -> None:
    write_matrices(tmp_path / "a.ark", tmp_path / "a.scp", items[:3])
    by_key = kaldiio.load_scp(str(tmp_path / "a.scp"))
    assert same([(key, by_key[key]) for key in by_key], items[:3])
    assert same(list(kaldiio.load_ark(str(tmp_path / "a.ark"))), items[:3])


def test_scp_and_ark_give_the_same(tmp_path: Path, items: Items) -> None:
    write_matrices(tmp_path / "a.ark", tmp_path / "a.scp", items)
    assert same(list(read_matrices(tmp_path / "a.ark")), items)
    assert same(list(read_matrices(tmp_path / "a.scp")), items)
    lines = (tmp_path / "a.scp").read_text().splitlines()
    (tmp_path / "b.scp").write_text("\n".join(reversed(lines)) + "\n")
    assert same(list(read_matrices(tmp_path / "b.scp")), items[::-1])


@pytest.mark.parametrize("method", range(1, 8))
def test_compressed_matrices_of_kaldi_are_expanded(
    tmp_path: Path, items: Items, method: int
) -> None:
    writer = kaldi_native_io.CompressedMatrixWriter(
        f"ark,scp:{tmp_path / 'a.ark'},{tmp_path / 'a.scp'}"
    )
    for key, value in items[:3]:
        writer.write(key, value, kaldi_native_io.CompressionMethod(method))
    writer.close()
    ours = list(read_matrices(tmp_path / "a.ark"))
    theirs = dict(kaldiio.load_ark(str(tmp_path / "a.ark")))
    assert [key for key, _ in ours] == list(theirs)
    for key, value in ours:
        np.testing.assert_allclose(value, theirs[key], atol=1e-4)
    assert same(list(read_matrices(tmp_path / "a.scp")), ours)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        np.int32, st.integers(0, 50), elements=st.integers(-(2**31), 2**31 - 1), fill=st.nothing()
    )
)
def test_any_int_vector_comes_back(
    tmp_path_factory: pytest.TempPathFactory, vector: npt.NDArray[np.int32]
) -> None:
    ark = tmp_path_factory.mktemp("ints") / "a.ark"
    write_int_vectors(ark, ark.with_suffix(".scp"), [("u", vector)])
    ((key, read),) = read_int_vectors(ark.with_suffix(".scp"))
    assert key == "u"
    assert np.array_equal(read, vector)


def test_cut_short_anywhere_is_an_error_or_a_whole_beginning(tmp_path: Path, items: Items) -> None:
    items = items[:2]
    ark = tmp_path / "a.ark"
    write_matrices(ark, None, items)
    whole = ark.read_bytes()
    second = len(b"utt-1 \0BFM ") + 2 * 5 + 4  # where one float makes the matrix
    boundaries = {0: 0, len(whole) - second: 1}
    for length in range(len(whole)):
        ark.write_bytes(whole[:length])
        if length in boundaries:
            assert same(list(read_matrices(ark)), items[: boundaries[length]])
            continue
        last = "utt-0" if length > len(whole) - second else "none"
        with pytest.raises(UserError, match=rf"a\.ark: damaged.*last good utterance {last}"):
            list(read_matrices(ark))


@pytest.mark.parametrize("kind", ["matrix", "vector"])
def test_scp_beyond_the_end_names_the_utterance(tmp_path: Path, items: Items, kind: str) -> None:
    ark, scp = tmp_path / "a.ark", tmp_path / "a.scp"
    if kind == "matrix":
        write_matrices(ark, scp, items[:3])
    else:
        write_int_vectors(ark, scp, [("utt-0", [1]), ("utt-2", [1, 2, 3])])
    ark.write_bytes(ark.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"a\.ark:\d+: utterance utt-2"):
        list(read_matrices(scp) if kind == "matrix" else read_int_vectors(scp))


def test_text_or_garbage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ark").write_text("utt [ 1 2\n 3 4 ]\n")
    with pytest.raises(UserError, match="not Kaldi's binary form"):
        list(read_matrices(tmp_path / "a.ark"))
    with pytest.raises(UserError, match="last good utterance none"):
        list(read_int_vectors(tmp_path / "a.ark"))


@pytest.mark.parametrize("key", ["a", "", "b c"])
def test_bad_and_repeated_keys_are_refused_and_nothing_is_left(tmp_path: Path, key: str) -> None:
    one = np.zeros((1, 1), np.float32)
    with pytest.raises(UserError, match="the id is empty"):
        write_matrices(tmp_path / "a.ark", tmp_path / "a.scp", [("a", one), (key, one)])
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        yield "a", np.zeros((2, 2), np.float32)
        raise UserError("b.wav: b: unreadable; fetch it again")

    with pytest.raises(UserError, match="unreadable"):
        write_matrices(tmp_path / "a.ark", tmp_path / "a.scp", failing())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [[1.5], [[1]], [2**31]])
def test_int_vectors_take_only_whole_numbers_that_fit(tmp_path: Path, value: list[float]) -> None:
    with pytest.raises(ValueError, match=r"whole numbers|int32"):
        write_int_vectors(tmp_path / "a.ark", None, [("a", value)])
