"""Small languages, random trees and random HMMs, and every path that they allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray

from pipeline.config import LangOptions
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.transition_model import TransitionModel
from pipeline.hmm.tree import PDF_CLASS, ContextDependency, Leaf, Node, Question, monophone_tree

quick = settings(max_examples=50, deadline=None)  # compiled functions are slow the first time
Entry = tuple[str, float, list[str]]
LEXICON: list[Entry] = [
    ("ab", 1.0, ["A", "B"]),
    ("ba", 0.7, ["B", "A"]),
    ("ba", 0.3, ["B"]),
    ("c", 1.0, ["C"]),
]


def toy_lang(
    lexicon: Sequence[Entry] = LEXICON,
    silence_probability: float = 0.5,
    position_dependent: bool = False,
) -> Lang:
    """A lang whose only silence phone is SIL."""
    options = LangOptions(
        silence_probability=silence_probability, position_dependent=position_dependent
    )
    return prepare_lang(lexicon, options)


def random_tree(lang: Lang, topology: Topology, rng: np.random.Generator) -> ContextDependency:
    """A triphone tree of the usual shape, whose every leaf some window reaches."""
    phones = {0, *topology.phone_ids}
    next_pdf = itertools.count()

    def grow(possible: dict[int, set[int]], depth: int) -> Node:
        keys = [key for key, values in possible.items() if len(values) > 1]
        if depth == 0 or not keys or rng.random() < 0.2:
            return Leaf(next(next_pdf))
        key = int(rng.choice(keys))
        values = rng.permutation(sorted(possible[key]))
        yes = {int(v) for v in values[: rng.integers(1, len(values))]}
        return Question(
            key,
            frozenset(yes),
            grow(possible | {key: yes}, depth - 1),
            grow(possible | {key: possible[key] - yes}, depth - 1),
        )

    roots: dict[tuple[int, int], Node] = {}
    for members in lang.phone_set_ids():
        classes = range(topology.num_pdf_classes(members[0]))
        if members[0] in lang.silence_phone_ids():
            for pdf_class in classes:
                leaf = Leaf(next(next_pdf))
                roots |= {(phone, pdf_class): leaf for phone in members}
        else:
            possible = {0: phones, 1: set(members), 2: phones, PDF_CLASS: set(classes)}
            root = grow(possible, 4)
            roots |= {(phone, c): root for phone in members for c in classes}
    return ContextDependency(3, 1, roots)


def random_hmm(
    lang: Lang,
    rng: np.random.Generator,
    triphone: bool = True,
    num_states: int = 3,
    num_silence_states: int = 5,
) -> Hmm:
    """Random tree (or one leaf a phone and state) and random transition probabilities."""
    topology = Topology.for_lang(lang, num_states, num_silence_states)
    tree = random_tree(lang, topology, rng) if triphone else monophone_tree(lang, topology)
    plain = TransitionModel(topology, tree)
    weights = np.where(
        np.arange(len(plain.log_prob)) > 0, rng.uniform(0.2, 1.0, len(plain.pdf_of)), 1
    )
    total = np.bincount(plain.state_of, weights)
    return Hmm(
        topology, tree, TransitionModel(topology, tree, np.log(weights / total[plain.state_of]))
    )


def windows(phones: Sequence[int], width: int) -> list[tuple[int, ...]]:
    """The context window of each phone of a sequence; 0 beyond its ends."""
    if width == 1:
        return [(phone,) for phone in phones]
    padded = [0, *phones, 0]
    return [tuple(padded[n : n + 3]) for n in range(len(phones))]


def phone_path(
    hmm: Hmm, window: tuple[int, ...], hmm_states: Sequence[int]
) -> list[tuple[int, int, int]]:
    """(pdf_id, transition_state, HMM state) of each state of a phone in context."""
    phone = window[len(window) // 2]
    found = []
    for hmm_state in hmm_states:
        pdf_class = hmm.topology.states(phone)[hmm_state].pdf_class
        pdf = hmm.tree.pdf_id(window, pdf_class)
        found.append((pdf, hmm.transitions.tuples.index((phone, hmm_state, pdf)) + 1, hmm_state))
    return found


def state_sequences(hmm: Hmm, phone: int, num_frames: int) -> Iterator[tuple[int, ...]]:
    """Every sequence of ``num_frames`` HMM states from a phone's entry to its exit."""
    states = hmm.topology.states(phone)

    def follow(path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        for destination, _ in states[path[-1]].transitions:
            if destination == len(states):
                if len(path) == num_frames:
                    yield path
            elif len(path) < num_frames:
                yield from follow((*path, destination))

    if num_frames:
        yield from follow((0,))


def transition_ids(hmm: Hmm, window: tuple[int, ...], hmm_states: Sequence[int]) -> list[int]:
    """The transition_ids along a phone's state sequence, its exit included."""
    phone = window[len(window) // 2]
    states = hmm.topology.states(phone)
    path = phone_path(hmm, window, hmm_states)
    after = [*hmm_states[1:], len(states)]
    ids = []
    for (_, number, hmm_state), following in zip(path, after, strict=True):
        destinations = [d for d, _ in states[hmm_state].transitions]
        index = destinations.index(following)
        before = sum(
            len(hmm.topology.states(p)[s].transitions)
            for p, s, _ in hmm.transitions.tuples[: number - 1]
        )
        ids.append(1 + before + index)
    return ids


def transcript_phones(lang: Lang, text: str) -> list[tuple[tuple[int, ...], float]]:
    """Every phone sequence of a transcript, with its log-probability; repeats are kept."""
    p = lang.silence_probability
    gap: list[tuple[tuple[str, ...], float]] = [((), 1 - p)]
    if p > 0:
        gap.append(((lang.optional_silence,), p))
    parts = [gap]
    for word in text.split():
        parts.append([(e.phones, e.probability) for e in lang.lexicon if e.word == word])
        parts.append(gap)
    found = []
    for choice in itertools.product(*parts):
        phones = tuple(lang.phones.id(phone) for part, _ in choice for phone in part)
        found.append((phones, float(np.log([probability for _, probability in choice]).sum())))
    return found


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way of writing ``total`` as ``parts`` positive numbers in order."""
    for bars in itertools.combinations(range(1, total), parts - 1):
        edges = (0, *bars, total)
        yield tuple(b - a for a, b in itertools.pairwise(edges))


def all_paths(
    hmm: Hmm,
    lang: Lang,
    text: str,
    log_likes: NDArray[np.float64],
    scaled_log_probs: Sequence[float] | NDArray[np.float64],
) -> dict[tuple[int, ...], float]:
    """Every path of a transcript through (T, P) log-likelihoods: transition_ids -> best score."""
    num_frames = len(log_likes)
    found: dict[tuple[int, ...], float] = {}
    for phones, log_prob in transcript_phones(lang, text):
        context = windows(phones, hmm.tree.context_width)
        for durations in compositions(num_frames, len(phones)) if phones else ():
            choices = [
                [
                    (transition_ids(hmm, window, states), phone_path(hmm, window, states))
                    for states in state_sequences(hmm, phone, duration)
                ]
                for window, phone, duration in zip(context, phones, durations, strict=True)
            ]
            for choice in itertools.product(*choices):
                ids = tuple(i for part, _ in choice for i in part)
                pdfs = [pdf for _, part in choice for pdf, _, _ in part]
                score = log_prob + sum(scaled_log_probs[i] for i in ids)
                score += sum(log_likes[t, pdf] for t, pdf in enumerate(pdfs))
                found[ids] = max(score, found.get(ids, -np.inf))
    return found
