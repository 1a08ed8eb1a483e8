"""Check a corpus: good utterances become manifests, bad ones a list with reasons and remedies."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data import manifests
from pipeline.data.audio import BadAudio, min_samples, num_samples_of
from pipeline.data.corpus import SETS, Corpus, LexiconEntry, Splits, Utterance
from pipeline.data.manifests import Manifest
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject


@dataclass(frozen=True)
class Prepared:
    """A checked corpus; lists are sorted by id, splits name only good utterances."""

    recordings: list[Manifest]
    supervisions: list[Manifest]
    lexicon: list[LexiconEntry]
    splits: Splits
    rejects: list[Reject]
    sentences: list[str] = field(default_factory=list)


class _Bad(Exception):
    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def _check_text(utterance: Utterance, words: set[str], unknown_word: str | None) -> str:
    """The words joined by single spaces."""
    if utterance.text is None:
        raise _Bad("audio without transcript", "add its text or delete the file")
    text = utterance.text.split()
    if not text:
        raise _Bad("empty transcript", "write its words or delete it")
    unknown = [word for word in text if word not in words]
    if unknown and unknown_word is None:
        raise _Bad(
            f"out-of-lexicon word {' '.join(dict.fromkeys(unknown))}",
            "add its pronunciation to the lexicon or correct the text",
        )
    return " ".join(text)


def _check_length(utterance: Utterance, available: int, sampling_rate: int, needed: int) -> int:
    """Number of samples of the utterance."""
    start = round(utterance.start * sampling_rate)
    count = available - start
    if utterance.start < 0 or count <= 0:
        raise _Bad("segment lies outside its recording", "correct the segment times")
    if utterance.duration is not None:
        wanted = round(utterance.duration * sampling_rate)
        # Kaldi's extract-segments forgives half a second beyond the end (its --max-overshoot).
        if wanted > count + sampling_rate // 2:
            raise _Bad("segment ends after its recording", "correct the segment times")
        count = min(count, wanted)
    if count < needed:
        raise _Bad(
            f"too short for one frame: {count} samples of {needed}", "leave it out or record again"
        )
    return count


def _audio_lengths(
    paths: list[Path], sampling_rate: int, num_threads: int
) -> dict[Path, int | BadAudio]:
    def length(path: Path) -> int | BadAudio:
        try:
            return num_samples_of(path, sampling_rate)
        except BadAudio as bad:
            return bad

    with ThreadPoolExecutor(num_threads) as pool:
        return dict(zip(paths, pool.map(length, paths), strict=True))


def check_splits(splits: Splits, where: str) -> None:
    """Each split must have utterances to train and others to test with.

    Raises:
        UserError: names the split.
    """
    for split, sets in splits.items():
        for name in SETS:
            if not sets[name]:
                raise UserError(
                    f"{where}: split {split}: no usable utterance is left in {name}; "
                    "mend those that were rejected"
                )
        both = set(sets["train"]).intersection(sets["test"])
        if both:
            raise UserError(
                f"{where}: split {split}: {len(both)} utterances are in train and test, "
                f"e.g. {min(both)}; make them disjoint"
            )


def check_fraction(rejects: list[Reject], num_good: int, limit: float, where: str) -> None:
    """Stop if nothing is left or more than the fraction `limit` was rejected.

    Raises:
        UserError: gives the counts and the most frequent reason.
    """
    total = num_good + len(rejects)
    if num_good and len(rejects) <= limit * total:
        return
    common = Counter(reject.reason for reject in rejects).most_common(1)
    example = next((r for r in rejects if common and r.reason == common[0][0]), None)
    detail = (
        f", mostly: {example.reason} (e.g. {example.file}; {example.remedy})" if example else ""
    )
    raise UserError(
        f"{where}: {len(rejects)} of {total} utterances rejected, limit {limit:.0%}{detail}; "
        "mend them or raise corpus.max_rejected_fraction"
    )


def prepare_corpus(
    corpus: Corpus,
    sampling_rate: int,
    frame_length_ms: float = 25.0,
    num_threads: int = 1,
) -> Prepared:
    """Check every utterance's id, text and audio.

    Args:
        sampling_rate: Hz that the audio must have.
        frame_length_ms: an utterance must hold one frame.
    Returns:
        What is good and what is not; `check_fraction` and `check_splits` judge whether it suffices.
    """
    words = {word for word, _, _ in corpus.lexicon}
    needed = min_samples(sampling_rate, frame_length_ms)
    rejects = list(corpus.rejects)
    lengths = _audio_lengths(
        sorted({utterance.audio for utterance in corpus.utterances}), sampling_rate, num_threads
    )
    recordings: dict[str, Manifest] = {}
    supervisions: dict[str, Manifest] = {}
    first_file: dict[str, Path] = {}
    for utterance in corpus.utterances:
        utterance_id = utterance.utterance_id
        try:
            if utterance_id.split() != [utterance_id]:
                raise _Bad("utterance id is empty or holds white space", "rename it")
            if utterance_id in first_file:
                raise _Bad(
                    f"duplicate utterance id, first seen with {first_file[utterance_id]}",
                    "make the ids unique",
                )
            first_file[utterance_id] = utterance.audio
            length = lengths[utterance.audio]
            if isinstance(length, BadAudio):
                raise _Bad(length.reason, length.remedy)
            text = _check_text(utterance, words, corpus.unknown_word)
            count = _check_length(utterance, length, sampling_rate, needed)
        except _Bad as bad:
            rejects.append(Reject(utterance_id, str(utterance.audio), bad.reason, bad.remedy))
            continue
        recording_id = utterance.recording_id or utterance_id
        recordings[recording_id] = manifests.recording(
            recording_id, utterance.audio, sampling_rate, length
        )
        supervisions[utterance_id] = manifests.supervision(
            utterance_id,
            recording_id,
            utterance.start,
            count / sampling_rate,
            text,
            utterance.speaker,
        )
    return Prepared(
        [recordings[key] for key in sorted(recordings)],
        [supervisions[key] for key in sorted(supervisions)],
        corpus.lexicon,
        {
            split: {name: sorted(supervisions.keys() & set(sets.get(name, ()))) for name in SETS}
            for split, sets in corpus.splits.items()
        },
        rejects,
        corpus.sentences,
    )
