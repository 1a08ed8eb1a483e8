"""Voices of espeak-ng that sound like people, and which of them are kept for the test."""

from __future__ import annotations

import re

import numpy as np

from local.espeak import list_variants
from pipeline.io.errors import UserError

# Voices that are no voices of people: whispers, robots, monsters.
UNUSED_VOICES = re.compile(
    r"whisper.*|croak|Demonic|.*[Rr]obo.*|Tweaky|klatt.*|AnxiousAndy|Storm|iven.*|fast"
)
NUMBERED_VOICES = re.compile(r"[fm][0-9]")  # f1, f2, ... are different voices


def usable_voices() -> list[str]:
    """Names of the voice variants that sound like people, sorted."""
    return [name for name in list_variants() if not UNUSED_VOICES.fullmatch(name)]


def speaker_of(voice: str) -> str:
    """A voice's name as the start of utterance ids."""
    return re.sub(r"[^a-z0-9]+", "", voice.lower())


def voice_family(name: str) -> str:
    """Voices of one family (steph, steph2, ...) sound alike; f1 to f5 and m1 to m8 do not."""
    return name if NUMBERED_VOICES.fullmatch(name) else name.lower().rstrip("0123456789")


def split_voices(
    names: list[str], num_test: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Draw at least `num_test` voices, by whole families, for the test: (train, test), sorted.

    Raises:
        UserError: nothing would be left for training.
    """
    families: dict[str, list[str]] = {}
    for name in sorted(names):
        families.setdefault(voice_family(name), []).append(name)
    order = sorted(families)
    test: list[str] = []
    for i in rng.permutation(len(order)):
        if len(test) < num_test:
            test += families[order[i]]
    train = sorted(set(names) - set(test))
    if not train:
        raise UserError(
            f"corpus.options.num_test_voices: {num_test}: only {len(names)} voices; lower it"
        )
    return train, sorted(test)
