"""Names and ids of words or phones, in the text form of Kaldi and OpenFst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError

EPSILON = "<eps>"


class SymbolTable:
    """A one-to-one map of names and non-negative ids; `<eps>` is 0.

    Examples:
        >>> table = SymbolTable(["SIL", "AA"])
        >>> table["AA"], table.name(1), len(table)
        (2, 'SIL', 3)
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Number `names` from 1 in the given order; a leading `<eps>` is 0 and may be left out.

        Raises:
            ValueError: a name is empty, holds white space, or comes twice.
        """
        self._id_of: dict[str, int] = {}
        self._name_of: dict[int, str] = {}
        self._insert(EPSILON, 0)
        for position, name in enumerate(names):
            if position > 0 or name != EPSILON:
                self._insert(name, len(self._id_of))

    def _insert(self, name: str, symbol_id: int) -> None:
        if not name or name.split() != [name]:
            raise ValueError(f"symbol {name!r} is empty or holds white space")
        if name in self._id_of or symbol_id in self._name_of or symbol_id < 0:
            raise ValueError(f"symbol {name} {symbol_id} repeats a name or an id, or is negative")
        self._id_of[name] = symbol_id
        self._name_of[symbol_id] = name

    def add(self, name: str) -> int:
        """Give `name` the next free id, or return the one it has."""
        if name not in self._id_of:
            self._insert(name, max(self._name_of) + 1)
        return self._id_of[name]

    def id(self, name: str) -> int:
        """Id of a name; KeyError if unknown."""
        return self._id_of[name]

    def __getitem__(self, name: str) -> int:
        """Id of a name; KeyError if unknown."""
        return self._id_of[name]

    def name(self, symbol_id: int) -> str:
        """Name of an id; KeyError if unknown."""
        return self._name_of[symbol_id]

    def names(self) -> list[str]:
        """All names in the order of their ids, `<eps>` first."""
        return list(self)

    def get(self, name: str, default: int | None = None) -> int | None:
        """Id of a name, or `default`."""
        return self._id_of.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._id_of

    def __len__(self) -> int:
        return len(self._id_of)

    def __iter__(self) -> Iterator[str]:
        """Names in the order of their ids, `<eps>` first."""
        return (self._name_of[symbol_id] for symbol_id in sorted(self._name_of))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SymbolTable) and self._id_of == other._id_of

    def items(self) -> Iterator[tuple[str, int]]:
        """(name, id) pairs in the order of their ids."""
        return ((name, self._id_of[name]) for name in self)

    def write(self, path: Path | str) -> None:
        """Write `name id` lines, as in words.txt."""
        write_text(path, "".join(f"{name} {symbol_id}\n" for name, symbol_id in self.items()))

    @classmethod
    def read(cls, path: Path | str) -> SymbolTable:
        """Read words.txt or phones.txt.

        Raises:
            UserError: a line is not `name id`, or repeats a name or an id.
        """
        table = cls()
        table._id_of.clear()
        table._name_of.clear()
        text = Path(path).read_bytes()
        for number, line in enumerate(text.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                name, symbol_id = line.decode("utf-8").split()
                table._insert(name, int(symbol_id))
            except ValueError as error:
                raise UserError(
                    f"{path}: line {number}: not 'name id' ({error}); correct the line"
                ) from None
        if table._name_of.get(0) != EPSILON:
            raise UserError(f"{path}: id 0 is not {EPSILON}; add the line '{EPSILON} 0'")
        return table
