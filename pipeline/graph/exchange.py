"""FSTs to and from kaldifst, through its own binary form in memory-backed files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.graph.fst import Fst, Lattice
from pipeline.graph.openfst import fst_bytes, parse_fst, parse_lattice


@contextmanager
def _scratch_file() -> Iterator[str]:
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    handle, path = tempfile.mkstemp(suffix=".fst", dir=folder)
    os.close(handle)
    try:
        yield path
    finally:
        os.unlink(path)


def to_kaldifst(fst: Fst) -> Any:
    """The same FST as a kaldifst.StdVectorFst."""
    import kaldifst

    with _scratch_file() as path:
        Path(path).write_bytes(fst_bytes(fst))
        return kaldifst.StdVectorFst.read(path)


def from_kaldifst(fst: Any) -> Fst:
    """From a kaldifst FST of standard arcs, vector or const."""
    with _scratch_file() as path:
        fst.write(path)
        return parse_fst(Path(path).read_bytes())


def lattice_from_kaldifst(lattice: Any) -> Lattice:
    """From a kaldifst.Lattice."""
    with _scratch_file() as path:
        lattice.write(path)
        return parse_lattice(Path(path).read_bytes())
