"""What a graph must accept, straight from the definitions of its parts: for comparison in tests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from pipeline.config import GraphOptions
from pipeline.graph.fst import EPSILON, Fst
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm

Strings = dict[tuple[tuple[int, ...], tuple[int, ...]], float]  # (inputs, outputs) -> least cost


def keep_least(table: Strings, key: tuple[tuple[int, ...], tuple[int, ...]], cost: float) -> None:
    """Lower the cost of a key."""
    table[key] = min(cost, table.get(key, math.inf))


def strings_of_fst(fst: Fst, max_length: int) -> Strings:
    """All (input, output) strings with at most ``max_length`` inputs, epsilons taken out."""
    table: Strings = {}
    stack: list[tuple[int, tuple[int, ...], tuple[int, ...], float]] = []
    if fst.start >= 0:
        stack.append((fst.start, (), (), 0.0))
    while stack:
        state, inputs, outputs, cost = stack.pop()
        if np.isfinite(fst.final[state]):
            keep_least(table, (inputs, outputs), cost + float(fst.final[state]))
        for arc in range(fst.first_arc[state], fst.first_arc[state + 1]):
            i, o = int(fst.ilabel[arc]), int(fst.olabel[arc])
            if i != EPSILON and len(inputs) == max_length:
                continue
            stack.append(
                (
                    int(fst.nextstate[arc]),
                    inputs + (i,) * (i != EPSILON),
                    outputs + (o,) * (o != EPSILON),
                    cost + float(fst.cost[arc]),
                )
            )
    return table


def phone_sequences(lang: Lang, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Phones of a sentence, with every choice of pronunciations and silences, and their cost."""
    p = lang.silence_probability
    gap: list[tuple[tuple[str, ...], float]] = [((), -math.log(1 - p))]
    if p > 0:
        gap.append(((lang.optional_silence,), -math.log(p)))
    parts: list[list[tuple[tuple[str, ...], float]]] = [gap]
    for word in words:
        entries = [e for e in lang.lexicon if e.word == word]
        parts.append([(e.phones, -math.log(e.probability)) for e in entries])
        parts.append(gap)
    for choice in itertools.product(*parts):
        yield tuple(itertools.chain(*(c[0] for c in choice))), sum(c[1] for c in choice)


def phone_strings(
    hmm: Hmm, window: tuple[int, ...], options: GraphOptions, max_length: int
) -> list[tuple[tuple[int, ...], float]]:
    """Transition-ids (a state's exit, then its self-loops) of one phone, and their cost."""
    phone = window[hmm.tree.central_position]
    states = hmm.topology.states(phone)
    transitions = hmm.transitions
    found: list[tuple[tuple[int, ...], float]] = []

    def walk(s: int, ids: tuple[int, ...], cost: float) -> None:
        if s == len(states):
            found.append((ids, cost))
            return
        number = transitions.transition_state(
            phone, s, hmm.tree.pdf_id(window, states[s].pdf_class)
        )
        table = {
            destination: transitions.transition_id(number, index)
            for index, (destination, _) in enumerate(states[s].transitions)
        }
        loop = table.get(s)
        p_loop = math.exp(transitions.log_prob[loop]) if loop else 0.0
        for destination, arc in table.items():
            if destination == s:
                continue
            p_arc = math.exp(transitions.log_prob[arc]) / (1 - p_loop)
            for extra in range(max_length - len(ids) if loop else min(1, max_length - len(ids))):
                here = -options.transition_scale * math.log(p_arc)
                here -= options.self_loop_scale * math.log(1 - p_loop)
                if extra:
                    here -= options.self_loop_scale * extra * math.log(p_loop)
                walk(destination, (*ids, arc, *([loop or 0] * extra)), cost + here)

    walk(0, (), 0.0)
    return found


def expected_strings(
    lang: Lang,
    hmm: Hmm,
    sentences: dict[tuple[str, ...], float],
    options: GraphOptions,
    max_length: int,
) -> Strings:
    """All (transition-ids, words) with at most ``max_length`` frames of some sentences."""
    table: Strings = {}
    width, central = hmm.tree.context_width, hmm.tree.central_position
    for words, grammar_cost in sentences.items():
        outputs = tuple(lang.words.id(word) for word in words)
        for phones, cost in phone_sequences(lang, words):
            ids = [lang.phones.id(phone) for phone in phones]
            padded = [0] * central + ids + [0] * (width - central - 1)
            partial: list[tuple[tuple[int, ...], float]] = [((), grammar_cost + cost)]
            for n in range(len(ids)):
                window = tuple(padded[n : n + width])
                partial = [
                    (done + more, a + b)
                    for done, a in partial
                    for more, b in phone_strings(hmm, window, options, max_length - len(done))
                ]
            for inputs, total in partial:
                keep_least(table, (inputs, outputs), total)
    return table
