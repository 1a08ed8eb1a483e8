"""Command grammars in JSGF: text -> rules.

The part of the Java Speech Grammar Format 1.0 (W3C Note, 5 June 2000) that says which sentences are
possible: rules, sequences, groups, alternatives with weights, [optional], * and +, <NULL>, <VOID>,
comments. {tags} and @-comments are skipped; imports, and rules that use themselves, are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pipeline.graph.jsgf_rules import (
    NULL,
    VOID,
    Alternatives,
    Grammar,
    Item,
    Place,
    Reference,
    Repeat,
    Rule,
    Sequence,
    Word,
    references,
)
from pipeline.io.errors import UserError


class JsgfError(ValueError):
    """What is wrong, and where."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"line {place.line}, column {place.column}: {message}")


class _Token(NamedTuple):
    kind: str  # word, reference, weight, a sign itself, or end
    text: str
    place: Place


_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*(?s:.*?)\*/)
      | (?P<tag>\{(?:\\.|[^\\{}])*\})
      | (?P<reference><[^<>\s]*>)
      | (?P<weight>/[^/*\s][^/]*/)
      | (?P<quoted>"(?:\\.|[^"\\\n])*")
      | (?P<sign>[=|;()\[\]*+])
      | (?P<word>[^\s=|;()\[\]*+<>{}/"\\]+)
    """,
    re.VERBOSE,
)
_HEADER = re.compile(r"\ufeff?#JSGF[ \t]+V1\.0(?:[ \t]+[^\s;]+){0,2}[ \t]*;")


def read_jsgf(path: Path) -> Grammar:
    """Read a grammar.

    Raises:
        UserError: the file, line and column, and what is wrong there.
    """
    try:
        return parse_jsgf(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; convert it") from None
    except JsgfError as error:
        raise UserError(f"{path}: {error}") from None


def parse_jsgf(text: str) -> Grammar:
    """Parse a grammar's text.

    Raises:
        JsgfError: the first thing that is wrong.
    """
    header = _HEADER.match(text)
    if header is None:
        raise JsgfError(Place(1, 1), "expected '#JSGF V1.0;' at the very beginning")
    grammar = _Parser(_tokens(text, header.end())).grammar()
    _check_references(grammar)
    return grammar


def _place(text: str, offset: int) -> Place:
    line = text.count("\n", 0, offset) + 1
    return Place(line, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _tokens(text: str, start: int) -> list[_Token]:
    tokens = []
    offset = start
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            unclosed = {"{": "tag", '"': "quoted word", "<": "rule name", "/": "weight or comment"}
            what = unclosed.get(text[offset])
            message = f"this {what} does not end" if what else f"'{text[offset]}' is not expected"
            raise JsgfError(_place(text, offset), message)
        kind = str(match.lastgroup)
        found, place = match.group(), _place(text, offset)
        offset = match.end()
        if kind in ("space", "tag"):
            continue
        if kind == "quoted":  # may hold signs and several words
            for word in re.sub(r"\\(.)", r"\1", found[1:-1]).split():
                tokens.append(_Token("word", word, place))
            continue
        if kind in ("reference", "weight"):
            found = found[1:-1].strip()
        tokens.append(_Token(found if kind == "sign" else kind, found, place))
    return [*tokens, _Token("end", "the end of the file", _place(text, len(text)))]


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self, kind: str, what: str) -> _Token:
        token = self.next
        if token.kind != kind:
            raise JsgfError(token.place, f"expected {what}, found {_shown(token)}")
        self.at += 1
        return token

    def grammar(self) -> Grammar:
        self.keyword("grammar")
        self.take("word", "the grammar's name")
        self.take(";", "';' after the grammar's name")
        rules: dict[str, Rule] = {}
        while self.next.kind != "end":
            if self.next.text == "import":
                raise JsgfError(self.next.place, "imports are not read; copy their rules")
            public = self.next.kind == "word" and self.next.text == "public"
            self.at += public
            name = self.take("reference", "a rule, '<name> = …;'")
            if not name.text or name.text in (NULL, VOID):
                raise JsgfError(name.place, f"<{name.text}> cannot be defined; choose another name")
            if name.text in rules:
                raise JsgfError(name.place, f"the rule <{name.text}> comes twice; remove one")
            self.take("=", f"'=' after <{name.text}>")
            rules[name.text] = Rule(self.alternatives(), public)
            self.take(";", f"';' at the end of <{name.text}>")
        if not any(rule.public for rule in rules.values()):
            raise JsgfError(self.next.place, "no rule is public, so nothing can be said")
        return Grammar(rules)

    def keyword(self, word: str) -> None:
        token = self.take("word", f"'{word} NAME;'")
        if token.text != word:
            raise JsgfError(token.place, f"expected '{word} NAME;', found {_shown(token)}")

    def alternatives(self) -> Alternatives:
        weights: list[float | None] = []
        branches = []
        place = self.next.place
        while True:
            weights.append(self.weight())
            branches.append(self.sequence())
            if self.next.kind != "|":
                break
            self.at += 1
        given = [weight for weight in weights if weight is not None]
        if given and len(given) < len(weights):
            raise JsgfError(place, "some alternatives have a weight; give all of them one, or none")
        if given and sum(given) <= 0:
            raise JsgfError(place, "the weights of these alternatives are all 0; raise one")
        shares = [w / sum(given) for w in given] or [1.0 / len(branches)] * len(branches)
        return Alternatives(tuple(zip(shares, branches, strict=True)))

    def weight(self) -> float | None:
        if self.next.kind != "weight":
            return None
        token = self.take("weight", "a weight")
        try:
            value = float(token.text)
            if not 0.0 <= value < float("inf"):
                raise ValueError
        except ValueError:
            raise JsgfError(
                token.place, f"weight '{token.text}': expected a number of 0 or more"
            ) from None
        return value

    def sequence(self) -> Sequence:
        items: list[Item] = []
        while self.next.kind in ("word", "reference", "(", "["):
            items.append(self.item())
        if not items:
            raise JsgfError(self.next.place, f"expected words, found {_shown(self.next)}")
        return Sequence(tuple(items))

    def item(self) -> Item:
        token = self.next
        self.at += 1
        item: Item
        if token.kind == "word":
            item = Word(token.text, token.place)
        elif token.kind == "reference":
            item = Reference(token.text, token.place)
        else:
            self.depth += 1
            if self.depth > 100:
                raise JsgfError(token.place, "over 100 groups within each other; use rules")
            item = self.alternatives()
            close = ")" if token.kind == "(" else "]"
            self.take(close, f"'{close}' to close line {token.place.line}'s '{token.text}'")
            self.depth -= 1
            if close == "]":
                item = Repeat(item, 0, many=False)
        while self.next.kind in ("*", "+"):
            item = Repeat(item, 1 if self.next.kind == "+" else 0, many=True)
            self.at += 1
        return item


def _shown(token: _Token) -> str:
    if token.kind in ("end",):
        return token.text
    return f"<{token.text}>" if token.kind == "reference" else f"'{token.text}'"


def _check_references(grammar: Grammar) -> None:
    """Refuse rules that are not there or that use themselves, directly or through others."""
    used = {name: references(rule.expansion) for name, rule in grammar.rules.items()}
    done: set[str] = {NULL, VOID}
    for first in grammar.rules:
        # Depth first; a rule on the way that is met again uses itself.
        way: list[tuple[str, int]] = [(first, 0)]
        on_way = {first}
        while way:
            name, number = way.pop()
            if name in done or number == len(used[name]):
                done.add(name)
                on_way.discard(name)
                continue
            way.append((name, number + 1))
            reference = used[name][number]
            if reference.name in on_way:
                raise JsgfError(
                    reference.place, f"<{reference.name}> uses itself; write it with * or +"
                )
            if reference.name not in used and reference.name not in done:
                raise JsgfError(reference.place, f"there is no rule <{reference.name}>")
            if reference.name not in done:
                way.append((reference.name, 0))
                on_way.add(reference.name)
