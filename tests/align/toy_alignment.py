"""Random but true alignments of a small lang: known phones, words and frames."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import LangOptions
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.transition_model import TransitionModel
from pipeline.hmm.tree import monophone_tree

LEXICON = [
    ("AB", 1.0, ["a", "b"]),
    ("A", 0.7, ["a"]),
    ("A", 0.3, ["a", "a"]),
    ("BEE", 1.0, ["b"]),
    ("CAB", 1.0, ["c", "a", "b"]),
]


def toy_lang(position_dependent: bool = False) -> Lang:
    """Words over three phones, some of which other words begin with."""
    return prepare_lang(LEXICON, LangOptions(position_dependent=position_dependent))


def toy_hmm(lang: Lang) -> Hmm:
    """A monophone model of the lang with Kaldi's topologies."""
    topology = Topology.for_lang(lang)
    return Hmm.initial(topology, monophone_tree(lang, topology))


@dataclass
class Truth:
    """What a random alignment was made from."""

    transition_ids: NDArray[np.int32]
    words: list[str]
    phones: list[tuple[str, int, int]]  # label, first frame, frames; silence included
    word_spans: list[tuple[str, int, int]]


def phone_path(generator: random.Random, hmm: Hmm, phone_id: int, reordered: bool) -> list[int]:
    """Transition-ids of a random walk through a phone's states."""
    transitions: TransitionModel = hmm.transitions
    states = hmm.topology.states(phone_id)
    ids: list[int] = []
    state = 0
    while state < len(states):
        pdf = hmm.tree.possible_pdfs(phone_id, states[state].pdf_class)[0]
        number = transitions.transition_state(phone_id, state, pdf)
        arcs = list(enumerate(states[state].transitions))
        others = [(index, to) for index, (to, _) in arcs if to != state]
        index, state = generator.choice(others)
        loops = [transitions.self_loop_of(number)] * generator.randrange(3)
        leave = [transitions.transition_id(number, index)]
        ids += leave + loops if reordered else loops + leave
    return ids


def random_truth(
    generator: random.Random, lang: Lang, hmm: Hmm, num_words: int, reordered: bool = False
) -> Truth:
    """An alignment of random words with random silences between them."""
    truth = Truth(np.zeros(0, np.int32), [], [], [])
    ids: list[int] = []

    def say(phone: str) -> None:
        path = phone_path(generator, hmm, lang.phones.id(phone), reordered)
        truth.phones.append((phone, len(ids), len(path)))
        ids.extend(path)

    def pause() -> None:
        if generator.random() < 0.5:
            say(lang.optional_silence)

    pause()
    for _ in range(num_words):
        entry = generator.choice(lang.lexicon)
        start = len(ids)
        for phone in entry.phones:
            say(phone)
        truth.words.append(entry.word)
        truth.word_spans.append((entry.word, start, len(ids) - start))
        pause()
    truth.transition_ids = np.array(ids, np.int32)
    return truth
