"""Objects of a Kaldi archive as bytes: matrices and integer vectors, binary form.

Kaldi's binary form is `\\0 B` and then, for a matrix, the token `FM ` or `DM `, the two sizes
(each a byte 4 and an int32) and the rows; for an integer vector the size and then each element, all
in that five-byte form (base/io-funcs.h, matrix/kaldi-matrix.cc). Compressed matrices are expanded
by kaldi_native_io.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IntVector = npt.NDArray[np.int32]
Matrix = npt.NDArray[Any]

INT32 = np.dtype([("size", "u1"), ("value", "<i4")])
TOKENS: dict[bytes, np.dtype[Any]] = {b"FM ": np.dtype("<f4"), b"DM ": np.dtype("<f8")}
# Kaldi's compressed matrices: bytes a column (its percentiles), bytes an element.
_COMPRESSED = {b"CM ": (8, 1), b"CM2 ": (0, 2), b"CM3 ": (0, 1)}


class Damaged(Exception):
    """The bytes at the given place are not a whole object of the form that is read."""


@dataclass(frozen=True)
class Ark:
    """A whole archive, mapped, and its name for those objects that kaldi_native_io reads."""

    path: str
    data: memoryview

    @classmethod
    def load(cls, path: Path | str) -> Ark:
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
            raise Damaged from None

    def matrix(self, at: int) -> tuple[Matrix, int]:
        """Read the matrix whose \\0B stands at byte `at`; return it and the place after it."""
        head = bytes(self.data[at : at + 6])
        token = head[2:].partition(b" ")[0] + b" "
        start = at + 2 + len(token)
        if head[:2] != b"\0B":
            raise Damaged
        if token in _COMPRESSED:
            *_, rows, columns = self.unpack("<ffii", start)
            per_column, per_element = _COMPRESSED[token]
            end = start + 16 + columns * per_column + rows * columns * per_element
            if min(rows, columns) < 0 or end > len(self.data):
                raise Damaged
            return _read_compressed(f"{self.path}:{at}"), end
        dtype = TOKENS.get(token)
        if dtype is None:
            raise Damaged
        size_of_rows, rows, size_of_columns, columns = self.unpack("<BiBi", start)
        end = start + 10 + rows * columns * dtype.itemsize
        if (size_of_rows, size_of_columns) != (4, 4) or min(rows, columns) < 0:
            raise Damaged
        if end > len(self.data):
            raise Damaged
        return np.frombuffer(self.data, dtype, rows * columns, start + 10).reshape(
            rows, columns
        ), end

    def int_vector(self, at: int) -> tuple[IntVector, int]:
        """Read the vector whose \\0B stands at byte `at`; return it and the place after it."""
        size, length = self.unpack("<Bi", at + 2)
        end = at + 7 + length * INT32.itemsize
        if bytes(self.data[at : at + 2]) != b"\0B" or size != 4 or length < 0:
            raise Damaged
        if end > len(self.data):
            raise Damaged
        cells = np.frombuffer(self.data, INT32, length, at + 7)
        if not (cells["size"] == 4).all():
            raise Damaged
        return cells["value"].astype(np.int32), end


def _read_compressed(place: str) -> Matrix:
    import kaldi_native_io

    try:
        return np.array(kaldi_native_io.FloatMatrix.read(place).numpy())
    except RuntimeError:  # Kaldi's own checks
        raise Damaged from None
