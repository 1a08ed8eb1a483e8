"""The rules of a command grammar in JSGF, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NULL, VOID = "NULL", "VOID"


class Place(NamedTuple):
    """Where something stands, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Word:
    """A word to be said."""

    text: str
    place: Place


@dataclass(frozen=True)
class Reference:
    """<name>: another rule's expansion."""

    name: str
    place: Place


@dataclass(frozen=True)
class Sequence:
    """Items one after another; none: nothing is said."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class Alternatives:
    """One of the branches; the weights sum to 1."""

    branches: tuple[tuple[float, Sequence], ...]


@dataclass(frozen=True)
class Repeat:
    """The item at least ``minimum`` (0 or 1) times; at most once if not ``many``."""

    item: Item
    minimum: int
    many: bool


Item = Word | Reference | Sequence | Alternatives | Repeat


@dataclass(frozen=True)
class Rule:
    """A rule and whether a sentence may begin with it."""

    expansion: Alternatives
    public: bool


@dataclass(frozen=True)
class Grammar:
    """The rules of one file by name, in its order."""

    rules: dict[str, Rule]


def references(item: Item) -> list[Reference]:
    """Rules that an item uses."""
    match item:
        case Reference():
            return [item]
        case Word():
            return []
        case Repeat(inner, _, _):
            return references(inner)
        case Sequence(items):
            return [found for part in items for found in references(part)]
        case Alternatives(branches):
            return [found for _, part in branches for found in references(part)]
