"""Kaldi archives (ark) and their indices (scp): matrices and integer vectors, binary form.

An archive is `key SPACE object` again and again (``ark_bytes`` has the objects). Both are read and
written here with numpy, so that a damaged archive is an error and never, as with Kaldi's own table
readers, a shorter list.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.io.ark_bytes import INT32, TOKENS, Ark, Damaged, IntVector, Matrix
from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError
from pipeline.io.sharding import select_shard


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
    token = next(token for token, known in TOKENS.items() if known == kind)

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
        cells = np.empty(len(numbers), INT32)
        cells["size"] = 4
        cells["value"] = numbers
        return struct.pack("<Bi", 4, len(numbers)) + cells.tobytes()

    return _write(ark, scp, items, pack)


def _damaged(path: Path | str, what: str) -> UserError:
    return UserError(f"{path}: {what}; delete it and run the stage that makes it again")


def _read_ark(path: Path, kind: Literal["matrix", "int_vector"]) -> Iterator[tuple[str, int, Any]]:
    """Key, place of its \\0B, value."""
    ark = Ark.load(path)
    at, last = 0, "none"
    while at < len(ark.data):
        try:
            space = bytes(ark.data[at : at + 1000]).find(b" ")
            key = bytes(ark.data[at : at + max(space, 0)]).decode("utf-8").strip()
            if not key:
                raise Damaged
            place = at + space + 1
            value, at = getattr(ark, kind)(place)
        except (Damaged, UnicodeDecodeError):
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
        self._arks: dict[str, Ark] = {}

    def _at(self, place: str) -> tuple[Ark, int]:
        name, _, offset = place.rpartition(":")
        if not name or "\0" in name or not (offset.isascii() and offset.isdigit()):
            raise Damaged
        if name not in self._arks:
            self._arks[name] = Ark.load(name)
        return self._arks[name], int(offset)

    def matrix(self, key: str, place: str) -> Matrix:
        """The matrix of utterance `key` at `place`; a read-only view of the archive in memory.

        Raises:
            UserError: there is no whole matrix.
        """
        try:
            ark, offset = self._at(place)
            return ark.matrix(offset)[0]
        except Damaged:
            raise _damaged(place, f"utterance {key}: no whole matrix there") from None

    def int_vector(self, key: str, place: str) -> IntVector:
        """The int32 vector of utterance `key` at `place`.

        Raises:
            UserError: there is no whole vector.
        """
        try:
            ark, offset = self._at(place)
            return ark.int_vector(offset)[0]
        except Damaged:
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
