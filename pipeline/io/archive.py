"""Kaldi archives (ark) and their indices (scp): matrices and integer vectors, binary form.

Kaldi's binary form is `key SPACE \\0 B` and then, for a matrix, the token `FM ` or `DM `, the two
sizes (each a byte 4 and an int32) and the rows; for an integer vector the size and then each
element, all in that five-byte form (base/io-funcs.h, matrix/kaldi-matrix.cc). Both are read and
written here with numpy, so that a damaged archive is an error and never, as with Kaldi's own table
readers, a shorter list. Compressed matrices are expanded by kaldi_native_io.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError
from pipeline.io.sharding import select_shard

IntVector = npt.NDArray[np.int32]
Matrix = npt.NDArray[Any]

_INT32 = np.dtype([("size", "u1"), ("value", "<i4")])
_TOKENS: dict[bytes, np.dtype[Any]] = {b"FM ": np.dtype("<f4"), b"DM ": np.dtype("<f8")}
# Kaldi's compressed matrices: bytes a column (its percentiles), bytes an element.
_COMPRESSED = {b"CM ": (8, 1), b"CM2 ": (0, 2), b"CM3 ": (0, 1)}


class _Damaged(Exception):
    """The bytes at the given place are not a whole object of the form that is read."""


def _write(
    ark: Path | str,
    scp: Path | str | None,
    items: Iterable[tuple[str, Any]],
    pack: Callable[[Any], bytes],
) -> int:
    count, offset, seen = 0, 0, set()
    with ExitStack() as stack:
        partial = stack.enter_context(atomic_path(ark))
        index = None
        if scp is not None:
            index_path = stack.enter_context(atomic_path(scp))
            index = stack.enter_context(index_path.open("w", encoding="utf-8", newline="\n"))
        with partial.open("wb") as out:
            for key, value in items:
                if key in seen or not key or key.split() != [key]:
                    raise UserError(
                        f"{ark}: utterance {key!r}: the id is empty, holds white space or comes "
                        "twice; make the ids unique"
                    )
                seen.add(key)
                head = key.encode("utf-8") + b" "
                offset += len(head)
                if index is not None:
                    index.write(f"{key} {ark}:{offset}\n")
                body = b"\0B" + pack(value)
                offset += len(body)
                out.write(head + body)
                count += 1
    return count


def write_matrices(
    ark: Path | str,
    scp: Path | str | None,
    items: Iterable[tuple[str, Matrix]],
    dtype: npt.DTypeLike = np.float32,
) -> int:
    """Write (key, (T, F) matrix) pairs; return how many.

    The scp, if wanted, names the archive as given here, so give the path from the run's working
    directory. Both files appear whole or not at all.

    Raises:
        UserError: a key comes twice or holds white space.
        ValueError: an item is not two-dimensional.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    token = next(token for token, known in _TOKENS.items() if known == kind)

    def pack(value: Matrix) -> bytes:
        rows = np.ascontiguousarray(value, dtype=kind)
        if rows.ndim != 2:
            raise ValueError(f"a matrix has two axes, not {rows.ndim}")
        return token + struct.pack("<BiBi", 4, rows.shape[0], 4, rows.shape[1]) + rows.tobytes()

    return _write(ark, scp, items, pack)


def write_int_vectors(
    ark: Path | str, scp: Path | str | None, items: Iterable[tuple[str, npt.ArrayLike]]
) -> int:
    """Write (key, (T,) int32 vector) pairs, as Kaldi's alignments are; return how many.

    Raises:
        UserError: a key comes twice or holds white space.
        ValueError: an item is not one-dimensional or does not fit into int32.
    """

    def pack(value: npt.ArrayLike) -> bytes:
        numbers = np.asarray(value)
        if numbers.ndim != 1 or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)):
            raise ValueError("an integer vector has one axis and whole numbers")
        if numbers.size and (numbers.max() >= 2**31 or numbers.min() < -(2**31)):
            raise ValueError("a number does not fit into int32")
        cells = np.empty(len(numbers), _INT32)
        cells["size"] = 4
        cells["value"] = numbers
        return struct.pack("<Bi", 4, len(numbers)) + cells.tobytes()

    return _write(ark, scp, items, pack)


@dataclass(frozen=True)
class _Ark:
    """A whole archive, mapped, and its name for those objects that kaldi_native_io reads."""

    path: str
    data: memoryview

    @classmethod
    def load(cls, path: Path | str) -> _Ark:
        # Mapped: a shard of a large archive is all that comes into memory. No archive is ever
        # changed in place (a new one takes its name), so the mapped bytes stay.
        with Path(path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return cls(str(path), memoryview(b""))
            return cls(str(path), memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def unpack(self, form: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(form, self.data, at)
        except struct.error:
            raise _Damaged from None

    def matrix(self, at: int) -> tuple[Matrix, int]:
        """Read the matrix whose \\0B stands at byte `at`; return it and the place after it."""
        head = bytes(self.data[at : at + 6])
        token = head[2:].partition(b" ")[0] + b" "
        start = at + 2 + len(token)
        if head[:2] != b"\0B":
            raise _Damaged
        if token in _COMPRESSED:
            *_, rows, columns = self.unpack("<ffii", start)
            per_column, per_element = _COMPRESSED[token]
            end = start + 16 + columns * per_column + rows * columns * per_element
            if min(rows, columns) < 0 or end > len(self.data):
                raise _Damaged
            return _read_compressed(f"{self.path}:{at}"), end
        dtype = _TOKENS.get(token)
        if dtype is None:
            raise _Damaged
        size_of_rows, rows, size_of_columns, columns = self.unpack("<BiBi", start)
        end = start + 10 + rows * columns * dtype.itemsize
        if (size_of_rows, size_of_columns) != (4, 4) or min(rows, columns) < 0:
            raise _Damaged
        if end > len(self.data):
            raise _Damaged
        return np.frombuffer(self.data, dtype, rows * columns, start + 10).reshape(
            rows, columns
        ), end

    def int_vector(self, at: int) -> tuple[IntVector, int]:
        """Read the vector whose \\0B stands at byte `at`; return it and the place after it."""
        size, length = self.unpack("<Bi", at + 2)
        end = at + 7 + length * _INT32.itemsize
        if bytes(self.data[at : at + 2]) != b"\0B" or size != 4 or length < 0:
            raise _Damaged
        if end > len(self.data):
            raise _Damaged
        cells = np.frombuffer(self.data, _INT32, length, at + 7)
        if not (cells["size"] == 4).all():
            raise _Damaged
        return cells["value"].astype(np.int32), end


def _read_compressed(place: str) -> Matrix:
    import kaldi_native_io

    try:
        return np.array(kaldi_native_io.FloatMatrix.read(place).numpy())
    except RuntimeError:  # Kaldi's own checks
        raise _Damaged from None


def _damaged(path: Path | str, what: str) -> UserError:
    return UserError(f"{path}: {what}; delete it and run the stage that makes it again")


def _read_ark(path: Path, kind: Literal["matrix", "int_vector"]) -> Iterator[tuple[str, int, Any]]:
    """Key, place of its \\0B, value."""
    ark = _Ark.load(path)
    at, last = 0, "none"
    while at < len(ark.data):
        try:
            space = bytes(ark.data[at : at + 1000]).find(b" ")
            key = bytes(ark.data[at : at + max(space, 0)]).decode("utf-8").strip()
            if not key:
                raise _Damaged
            place = at + space + 1
            value, at = getattr(ark, kind)(place)
        except (_Damaged, UnicodeDecodeError):
            raise _damaged(
                path,
                f"damaged or cut short (or not Kaldi's binary form) at byte {at}, "
                f"last good utterance {last}",
            ) from None
        yield key, place, value
        last = key


def read_scp(path: Path | str) -> list[tuple[str, str]]:
    """Read the (key, place) pairs of an scp or another two-column file, in file order.

    Raises:
        UserError: a line has one column, or is not UTF-8.
    """
    pairs = []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        try:
            key, place = line.decode("utf-8").split(maxsplit=1)
        except ValueError:
            raise UserError(
                f"{path}: line {number}: expected 'utterance place' in UTF-8; correct the line"
            ) from None
        pairs.append((key, place.strip()))
    return pairs


class ArchiveFiles:
    """Reads single objects at `ark:offset` places; each archive is mapped into memory once."""

    def __init__(self) -> None:
        self._arks: dict[str, _Ark] = {}

    def _at(self, place: str) -> tuple[_Ark, int]:
        name, _, offset = place.rpartition(":")
        if not name or "\0" in name or not (offset.isascii() and offset.isdigit()):
            raise _Damaged
        if name not in self._arks:
            self._arks[name] = _Ark.load(name)
        return self._arks[name], int(offset)

    def matrix(self, key: str, place: str) -> Matrix:
        """The matrix of utterance `key` at `place`; a read-only view of the archive in memory.

        Raises:
            UserError: there is no whole matrix.
        """
        try:
            ark, offset = self._at(place)
            return ark.matrix(offset)[0]
        except _Damaged:
            raise _damaged(place, f"utterance {key}: no whole matrix there") from None

    def int_vector(self, key: str, place: str) -> IntVector:
        """The int32 vector of utterance `key` at `place`.

        Raises:
            UserError: there is no whole vector.
        """
        try:
            ark, offset = self._at(place)
            return ark.int_vector(offset)[0]
        except _Damaged:
            raise _damaged(place, f"utterance {key}: no whole integer vector there") from None


def read_matrices(
    path: Path | str, shard: int = 0, num_shards: int = 1
) -> Iterator[tuple[str, Matrix]]:
    """Yield (key, (T, F) float32 or float64 matrix) from an .ark, or in the order of an .scp.

    Of an .scp one share of `num_shards` may be read (`select_shard`), an .ark only whole.

    The matrices are read-only views; copy before changing them.

    Raises:
        UserError: an archive is damaged or cut short; it and the last good utterance are named.
    """
    path = Path(path)
    if path.suffix == ".scp":
        files = ArchiveFiles()
        for key, place in select_shard(read_scp(path), shard, num_shards):
            yield key, files.matrix(key, place)
    elif num_shards > 1:
        raise UserError(f"{path}: only an scp can be read in shards; give that of the archive")
    else:
        yield from ((key, matrix) for key, _, matrix in _read_ark(path, "matrix"))


def index_matrices(path: Path | str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Yield (key, `ark:offset`, (rows, columns)) of an .ark or, in its order, of an .scp.

    Raises:
        UserError: as `read_matrices`.
    """
    path = Path(path)
    if path.suffix == ".scp":
        files = ArchiveFiles()
        found = ((key, place, files.matrix(key, place)) for key, place in read_scp(path))
    else:
        found = ((key, f"{path}:{at}", matrix) for key, at, matrix in _read_ark(path, "matrix"))
    for key, place, matrix in found:
        yield key, place, (int(matrix.shape[0]), int(matrix.shape[1]))


def read_int_vectors(path: Path | str) -> Iterator[tuple[str, IntVector]]:
    """Yield (key, (T,) int32 vector) from an .ark, or in the order of an .scp.

    Raises:
        UserError: an archive is damaged or cut short; it and the last good utterance are named.
    """
    path = Path(path)
    if path.suffix == ".scp":
        files = ArchiveFiles()
        for key, place in read_scp(path):
            yield key, files.int_vector(key, place)
    else:
        yield from ((key, vector) for key, _, vector in _read_ark(path, "int_vector"))
