"""Sentences of a command grammar by enumeration of its derivations: for comparison in tests."""

from __future__ import annotations

import heapq
import itertools
import math

from pipeline.graph.jsgf_rules import Alternatives, Grammar, Item, Reference, Repeat, Sequence, Word

Sentence = tuple[str, ...]
Costs = dict[Sentence, float]


def _join(first: Costs, second: Costs, longest: int) -> Costs:
    joined: Costs = {}
    for (a, x), (b, y) in itertools.product(first.items(), second.items()):
        if len(a) + len(b) <= longest:
            joined[a + b] = min(x + y, joined.get(a + b, math.inf))
    return joined


def _either(*tables: Costs) -> Costs:
    union: Costs = {}
    for table in tables:
        for sentence, cost in table.items():
            union[sentence] = min(cost, union.get(sentence, math.inf))
    return union


def _plus(table: Costs, cost: float) -> Costs:
    return {sentence: own + cost for sentence, own in table.items()}


def _said(grammar: Grammar, item: Item, longest: int) -> Costs:
    match item:
        case Word(text, _):
            return {(text,): 0.0} if longest else {}
        case Reference("NULL", _):
            return {(): 0.0}
        case Reference("VOID", _):
            return {}
        case Reference(name, _):
            return _said(grammar, grammar.rules[name].expansion, longest)
        case Sequence(items):
            table: Costs = {(): 0.0}
            for part in items:
                table = _join(table, _said(grammar, part, longest), longest)
            return table
        case Alternatives(branches):
            return _either(
                *(
                    _plus(_said(grammar, branch, longest), -math.log(weight))
                    for weight, branch in branches
                    if weight > 0
                )
            )
        case Repeat(inner, minimum, many):
            once = _said(grammar, inner, longest)
            half = math.log(2)
            turns = _plus(once, half if many else 0.0)
            if many:
                more = _plus(once, half)
                for _ in range(longest):  # a turn without words only adds cost
                    turns = _either(turns, _join(turns, more, longest))
            return turns if minimum else _either({(): half}, _plus(turns, half))


def sentences(grammar: Grammar, longest: int) -> Costs:
    """Sentences of at most ``longest`` words and the cost of their cheapest derivation."""
    public = [rule.expansion for rule in grammar.rules.values() if rule.public]
    tables = [_said(grammar, item, longest) for item in public]
    return _plus(_either(*tables), math.log(len(public)))


def least(costs: Costs, number: int) -> list[float]:
    """The least costs."""
    return heapq.nsmallest(number, costs.values())
