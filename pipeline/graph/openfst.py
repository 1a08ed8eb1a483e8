"""OpenFst's binary files, vector and const, to and from arrays.

Layout: OpenFst's fst.h (FstHeader), vector-fst.h and const-fst.h; lattices are Kaldi's arcs of
type lattice4 (two float32 weights). Reading needs numpy alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.fst import EPSILON, Fst, Lattice
from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError

_MAGIC = 2125659606
_HAS_SYMBOLS = 0x3
_ALIGNED = 0x4
_VERSION = 2
_VECTOR_PROPERTIES = 0x3  # expanded, mutable; all others unknown
_CONST_PROPERTIES = 0x1
_CONST_STATE = np.dtype(
    [("final", "<f4"), ("pos", "<u4"), ("arcs", "<u4"), ("ieps", "<u4"), ("oeps", "<u4")]
)
_ARC = np.dtype([("ilabel", "<i4"), ("olabel", "<i4"), ("cost", "<f4"), ("nextstate", "<i4")])


def read_fst(path: Path) -> Fst:
    """Read an FST of type vector or const with standard arcs.

    Raises:
        UserError: missing, damaged, or not such a file.
    """
    try:
        return parse_fst(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such graph; run the graph stage first") from None
    except (ValueError, IndexError, struct.error) as error:
        raise UserError(
            f"{path}: not a whole OpenFst binary file ({error}); make the graph again"
        ) from None


def write_fst(path: Path, fst: Fst, kind: str = "vector") -> None:
    """Write an FST file, whole or not at all.

    ``kind`` is "vector", or "const" as Kaldi's mkgraph.sh gives HCLG.fst.
    """
    with atomic_path(path) as partial:
        partial.write_bytes(fst_bytes(fst, kind))


def fst_bytes(fst: Fst, kind: str = "vector") -> bytes:
    """The content of an FST file."""
    if kind == "const":
        return _const_bytes(fst)
    words = np.empty(3 * fst.num_states + 4 * fst.num_arcs, "<i4")
    counts = np.diff(fst.first_arc)
    at_state = 3 * np.arange(fst.num_states) + 4 * fst.first_arc[:-1]
    words[at_state] = fst.final.view(np.int32)
    words[at_state + 1] = counts  # an int64: low word, high word
    words[at_state + 2] = 0
    at_arc = 4 * np.arange(fst.num_arcs) + np.repeat(3 * (np.arange(fst.num_states) + 1), counts)
    words[at_arc] = fst.ilabel
    words[at_arc + 1] = fst.olabel
    words[at_arc + 2] = fst.cost.view(np.int32)
    words[at_arc + 3] = fst.nextstate
    sizes = (fst.start, fst.num_states, fst.num_arcs)
    return _header_bytes(b"vector", b"standard", _VECTOR_PROPERTIES, sizes) + words.tobytes()


def lattice_bytes(lattice: Lattice) -> bytes:
    """The content of a file of a lattice, as kaldifst.Lattice and Kaldi read it."""
    num_states, num_arcs = len(lattice.final), len(lattice.ilabel)
    words = np.empty(4 * num_states + 5 * num_arcs, "<i4")
    counts = np.diff(lattice.first_arc)
    at_state = 4 * np.arange(num_states) + 5 * lattice.first_arc[:-1]
    words[at_state] = lattice.final[:, 0].copy().view(np.int32)
    words[at_state + 1] = lattice.final[:, 1].copy().view(np.int32)
    words[at_state + 2] = counts
    words[at_state + 3] = 0
    at_arc = 5 * np.arange(num_arcs) + np.repeat(4 * (np.arange(num_states) + 1), counts)
    words[at_arc] = lattice.ilabel
    words[at_arc + 1] = lattice.olabel
    words[at_arc + 2] = lattice.cost[:, 0].copy().view(np.int32)
    words[at_arc + 3] = lattice.cost[:, 1].copy().view(np.int32)
    words[at_arc + 4] = lattice.nextstate
    sizes = (lattice.start, num_states, num_arcs)
    return _header_bytes(b"vector", b"lattice4", _VECTOR_PROPERTIES, sizes) + words.tobytes()


def _const_bytes(fst: Fst) -> bytes:
    source = fst.source
    states = np.empty(fst.num_states, _CONST_STATE)
    states["final"] = fst.final
    states["pos"] = fst.first_arc[:-1]
    states["arcs"] = np.diff(fst.first_arc)
    states["ieps"] = np.bincount(source[fst.ilabel == EPSILON], minlength=fst.num_states)
    states["oeps"] = np.bincount(source[fst.olabel == EPSILON], minlength=fst.num_states)
    arcs = np.empty(fst.num_arcs, _ARC)
    for name in ("ilabel", "olabel", "cost", "nextstate"):
        arcs[name] = getattr(fst, name)
    sizes = (fst.start, fst.num_states, fst.num_arcs)
    header = _header_bytes(b"const", b"standard", _CONST_PROPERTIES, sizes)
    return header + states.tobytes() + arcs.tobytes()


def _header_bytes(kind: bytes, arc_type: bytes, properties: int, sizes: tuple[int, ...]) -> bytes:
    """``sizes``: start, states, arcs."""
    return (
        struct.pack("<ii", _MAGIC, len(kind))
        + kind
        + struct.pack("<i", len(arc_type))
        + arc_type
        + struct.pack("<iiQ", _VERSION, 0, properties)
        + struct.pack("<qqq", *sizes)
    )


@dataclass
class _Header:
    kind: str
    arc_type: str
    flags: int
    start: int
    num_states: int
    num_arcs: int


def _parse_header(data: bytes) -> tuple[_Header, int]:
    """Header, and the offset behind it."""
    offset = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal offset
        values = struct.unpack_from(form, data, offset)
        offset += struct.calcsize(form)
        return values

    def take_string() -> str:
        nonlocal offset
        (length,) = take("<i")
        if not 0 <= length <= 64:
            raise ValueError("no OpenFst header")
        text = data[offset : offset + length].decode("ascii")
        offset += length
        return text

    if take("<i") != (_MAGIC,):
        raise ValueError("no OpenFst header")
    kind, arc_type = take_string(), take_string()
    _, flags, _ = take("<iiQ")
    start, num_states, num_arcs = take("<qqq")
    if flags & _HAS_SYMBOLS:
        raise ValueError("it carries symbol tables; remove them with fstsymbols")
    if not -1 <= start < max(num_states, 1) or not 0 <= num_states <= len(data):
        raise ValueError("impossible counts in the header")
    return _Header(kind, arc_type, flags, start, num_states, num_arcs), offset


def parse_fst(data: bytes) -> Fst:
    """From the content of an FST file.

    Raises:
        ValueError, IndexError, struct.error: damaged, or not such a file.
    """
    header, offset = _parse_header(data)
    if header.arc_type != "standard":
        raise ValueError(f"arcs of type {header.arc_type}, not standard")
    if header.kind == "vector":
        final, first_arc, arcs = _vector_words(data, offset, header.num_states, 1)
        fst = Fst(
            header.start,
            final[:, 0].view(np.float32),
            first_arc,
            arcs[:, 0].copy(),
            arcs[:, 1].copy(),
            arcs[:, 2].copy().view(np.float32),
            arcs[:, 3].copy(),
        )
    elif header.kind == "const":
        fst = _parse_const(data, offset, header)
    else:
        raise ValueError(f"type {header.kind}, neither vector nor const")
    if fst.num_arcs and not (
        int(fst.nextstate.min()) >= 0 and int(fst.nextstate.max()) < fst.num_states
    ):
        raise ValueError("an arc leads to a state that is not there")
    return fst


def parse_lattice(data: bytes) -> Lattice:
    """From the content of a file of a kaldifst.Lattice; errors as in ``parse_fst``."""
    header, offset = _parse_header(data)
    if (header.kind, header.arc_type) != ("vector", "lattice4"):
        raise ValueError(f"type {header.kind} of {header.arc_type} arcs")
    final, first_arc, arcs = _vector_words(data, offset, header.num_states, 2)
    return Lattice(
        header.start,
        final.view(np.float32),
        first_arc,
        arcs[:, 0].copy(),
        arcs[:, 1].copy(),
        np.ascontiguousarray(arcs[:, 2:4]).view(np.float32),
        arcs[:, 4].copy(),
    )


def _parse_const(data: bytes, offset: int, header: _Header) -> Fst:
    if header.flags & _ALIGNED:
        offset += -offset % 16
    states = np.frombuffer(data, _CONST_STATE, header.num_states, offset)
    offset += states.nbytes
    if header.flags & _ALIGNED:
        offset += -offset % 16
    arcs = np.frombuffer(data, _ARC, header.num_arcs, offset)
    first_arc = np.concatenate((states["pos"].astype(np.int64), [header.num_arcs]))
    if not np.array_equal(np.diff(first_arc), states["arcs"]):
        raise ValueError("arc counts do not add up")
    return Fst(
        header.start,
        states["final"].copy(),
        first_arc,
        arcs["ilabel"].copy(),
        arcs["olabel"].copy(),
        arcs["cost"].copy(),
        arcs["nextstate"].copy(),
    )


def _vector_words(
    data: bytes, offset: int, num_states: int, weight_words: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """Split the states of a vector FST file: finals (S, W), first_arc (S + 1,), arcs (A, 3 + W)."""
    size = (len(data) - offset) // 4
    words = np.frombuffer(data, "<i4", size, offset)
    view = memoryview(data)[offset : offset + 4 * size].cast("i")
    arc_words = 3 + weight_words
    state_words = weight_words + 2
    counts = np.empty(num_states, np.int64)
    at = 0
    for state in range(num_states):  # where a state stands follows from all before it
        count = view[at + weight_words]
        counts[state] = count
        at += state_words + arc_words * count
    if at > size or (num_states and counts.min() < 0):
        raise ValueError("it ends early")
    first_arc = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    at_state = state_words * np.arange(num_states) + arc_words * first_arc[:-1]
    final = words[at_state[:, None] + np.arange(weight_words)]
    at_arc = np.repeat(at_state + state_words, counts) + arc_words * (
        np.arange(first_arc[-1]) - np.repeat(first_arc[:-1], counts)
    )
    arcs = words[at_arc[:, None] + np.arange(arc_words)]
    return final, first_arc, arcs
