"""The FST of a command grammar: a probability for each of its sentences."""

from __future__ import annotations

import math
from pathlib import Path

import kaldifst

from pipeline.graph.exchange import from_kaldifst, to_kaldifst
from pipeline.graph.fst import EPSILON, Fst, from_tuples
from pipeline.graph.jsgf_rules import (
    NULL,
    VOID,
    Alternatives,
    Grammar,
    Item,
    Reference,
    Repeat,
    Sequence,
    Word,
)
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError

MAX_ARCS = 200_000  # of a grammar whose rules are written out
MAX_STATES = 10_000  # of the determinised grammar
DELTA = 2.0**-17  # to which costs are rounded
HALF = math.log(2.0)  # cost of saying an optional part, of leaving it out, and of once more


def jsgf_fst(grammar: Grammar, lang: Lang, path: Path, max_states: int = MAX_STATES) -> Fst:
    """Make a deterministic acceptor of the public rules' sentences.

    Public rules and alternatives without weights share alike; an optional part is said half the
    time; after each turn of a repetition half the mass goes on. A sentence that can be made in
    several ways has the cost of the cheapest.

    Raises:
        UserError: a word without pronunciation, nothing can be said, or a grammar too large or with
            repetitions that make the same sentences at different costs.
    """
    builder = _Builder(grammar, lang, path)
    public = [rule for rule in grammar.rules.values() if rule.public]
    start, end = builder.state(), builder.state()
    for rule in public:
        builder.add(rule.expansion, start, end, math.log(len(public)))
    fst = to_kaldifst(from_tuples(builder.arcs, {end: 0.0}, start))
    kaldifst.rmepsilon(fst)
    kaldifst.connect(fst)
    if fst.start < 0:
        raise UserError(f"{path}: nothing can be said: every way needs <VOID> or has weight 0")
    try:
        kaldifst.determinize_star(fst, delta=DELTA, max_states=max_states)
    except RuntimeError:
        raise UserError(
            f"{path}: over {max_states} states; it is too large, or repetitions in it make the "
            "same sentences at different costs: simplify them"
        ) from None
    kaldifst.minimize_encoded(fst, delta=DELTA)
    return from_kaldifst(fst)


class _Builder:
    """Arcs of items between two states (Thompson's construction, with costs)."""

    def __init__(self, grammar: Grammar, lang: Lang, path: Path) -> None:
        self.grammar, self.lang, self.path = grammar, lang, path
        self.arcs: list[tuple[int, int, int, float, int]] = []
        self.num_states = 0

    def state(self) -> int:
        self.num_states += 1
        return self.num_states - 1

    def arc(self, source: int, label: int, cost: float, target: int) -> None:
        if len(self.arcs) == MAX_ARCS:
            raise UserError(f"{self.path}: over {MAX_ARCS} arcs when written out; make it smaller")
        self.arcs.append((source, label, label, cost, target))

    def add(self, item: Item, source: int, target: int, cost: float = 0.0) -> None:
        """Let ``item`` be said between two states."""
        match item:
            case Word(text, place):
                if text not in self.lang.pronunciations:
                    raise UserError(
                        f"{self.path}: line {place.line}, column {place.column}: '{text}' has no "
                        "pronunciation; add one to the lexicon or leave the word out"
                    )
                self.arc(source, self.lang.words[text], cost, target)
            case Reference(name, _):
                if name == NULL:
                    self.arc(source, EPSILON, cost, target)
                elif name != VOID:
                    self.add(self.grammar.rules[name].expansion, source, target, cost)
            case Sequence(items):
                for part in items[:-1]:
                    between = self.state()
                    self.add(part, source, between, cost)
                    source, cost = between, 0.0
                self.add(items[-1], source, target, cost)
            case Alternatives(branches):
                for weight, branch in branches:
                    if weight > 0:
                        self.add(branch, source, target, cost - math.log(weight))
            case Repeat(inner, minimum, many):
                before, after = self.state(), self.state()
                self.add(inner, before, after)
                self.arc(source, EPSILON, cost + (0.0 if minimum else HALF), before)
                self.arc(after, EPSILON, HALF if many else 0.0, target)
                if many:
                    self.arc(after, EPSILON, HALF, before)
                if not minimum:
                    self.arc(source, EPSILON, cost + HALF, target)
