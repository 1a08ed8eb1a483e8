"""What of a corpus without sets of its own is held out as its test: whole speakers, if possible."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from pipeline.data.corpus import Utterance

MIN_SPEAKERS = 3  # fewer cannot spare one; then single utterances are held out


def _order(name: str) -> str:
    """A key that sorts names as if shuffled, the same in each run whatever else there is."""
    return hashlib.sha256(name.encode("utf-8")).hexdigest()


def hold_out(utterances: Sequence[Utterance], fraction: float) -> dict[str, list[str]]:
    """Utterance ids to train and to test with.

    Whole speakers are taken until the fraction of utterances is reached, so that the test tells of
    voices never heard; a speaker too many for that is left to the training. With fewer than
    MIN_SPEAKERS, utterances are drawn from all.
    """
    of_speaker: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        of_speaker[utterance.speaker].append(utterance.utterance_id)
    wanted = max(1, round(fraction * len(utterances)))
    speakers = sorted(of_speaker, key=_order)
    test: set[str] = set()
    if len(speakers) >= MIN_SPEAKERS:
        for speaker in speakers:
            if not test or len(test) + len(of_speaker[speaker]) <= 1.5 * wanted:
                test.update(of_speaker[speaker])
            if len(test) >= wanted:
                break
    else:
        ids = sorted((u.utterance_id for u in utterances), key=_order)
        test.update(ids[:wanted])
    ordered = sorted(utterance.utterance_id for utterance in utterances)
    return {
        "train": [name for name in ordered if name not in test],
        "test": [name for name in ordered if name in test],
    }
