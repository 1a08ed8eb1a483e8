"""Connected digits: strings of three to seven recordings of FSDD by one speaker, with pauses.

Made from the files of local/fsdd.py with a fixed seed. Test strings are joined from test files,
training strings from training files; the training set has the single recordings too. A pause is
noise as quiet as the quietest 10 ms of its two neighbours. Splits: `official` and one for each
speaker held out, as FSDD's; its strings are written into the corpus folder as {utterance_id}.wav.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from pydantic import model_validator

from local import fsdd
from pipeline.config import Count, Options
from pipeline.data.corpus import SETS, Corpus, Splits, Utterance
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options

QUIET_MS = 10
Samples = npt.NDArray[np.float64]


class FsddJoinedOptions(Options):
    """How strings are made; each recording stands in so many strings."""

    source_dir: str  # FSDD's folder
    splits: tuple[str, ...] = ("official", "theo")
    min_digits: Count = 3
    max_digits: Count = 7
    pause_seconds: tuple[float, float] = (0.05, 0.4)  # drawn uniformly
    uses_in_train: Count = 1
    uses_in_test: Count = 3
    sampling_rate: Count = 8000
    seed: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> FsddJoinedOptions:
        if self.min_digits > self.max_digits or self.pause_seconds[0] > self.pause_seconds[1]:
            raise ValueError("min_digits and pause_seconds[0] must not be above their maxima")
        return self


def download(target: Path) -> Path:
    """FSDD itself; see local/fsdd.py."""
    return fsdd.download(target)


def draw_strings(
    recordings: list[Utterance], uses: int, chosen: FsddJoinedOptions, rng: np.random.Generator
) -> Iterator[list[Utterance]]:
    """Recordings of one speaker in random order, `uses` times all, cut into strings."""
    for _ in range(uses):
        order = [recordings[i] for i in rng.permutation(len(recordings))]
        while len(order) >= chosen.min_digits:
            count = int(rng.integers(chosen.min_digits, chosen.max_digits + 1))
            left = len(order) - count
            if 0 < left < chosen.min_digits or left < 0:
                count = len(order) if len(order) <= chosen.max_digits else chosen.min_digits
            yield order[:count]
            order = order[count:]


def quietest(samples: Samples, sampling_rate: int) -> float:
    """RMS of the quietest stretch of QUIET_MS."""
    size = max(1, sampling_rate * QUIET_MS // 1000)
    count = len(samples) // size
    if not count:
        return 0.0
    frames = samples[: count * size].reshape(count, size)
    return float(np.sqrt(np.square(frames).mean(axis=1)).min())


def join(parts: list[Samples], chosen: FsddJoinedOptions, rng: np.random.Generator) -> Samples:
    """Parts with a pause before, between and after them: samples in [-1, 1]."""
    levels = [quietest(part, chosen.sampling_rate) for part in parts]
    pieces: list[Samples] = []
    for i in range(len(parts) + 1):
        near = levels[max(0, i - 1) : i + 1]
        length = round(rng.uniform(*chosen.pause_seconds) * chosen.sampling_rate)
        pieces.append(rng.standard_normal(length) * float(np.mean(near)))
        pieces.extend(parts[i : i + 1])
    return np.clip(np.concatenate(pieces), -1.0, 1.0)


def _read(utterance: Utterance, sampling_rate: int) -> Samples:
    samples, rate = soundfile.read(utterance.audio, dtype="float64")
    if rate != sampling_rate:
        raise UserError(f"{utterance.audio}: {rate} Hz; strings are made at {sampling_rate} Hz")
    return samples


def _strings(
    split: str,
    name: str,
    recordings: list[Utterance],
    folder: Path,
    chosen: FsddJoinedOptions,
    sounds: dict[str, Samples],
) -> Iterator[Utterance]:
    """The strings of a set, written."""
    uses = chosen.uses_in_train if name == "train" else chosen.uses_in_test
    for speaker in sorted({utterance.speaker for utterance in recordings}):
        own = [utterance for utterance in recordings if utterance.speaker == speaker]
        label = zlib.crc32(f"{split} {name} {speaker}".encode())
        rng = np.random.default_rng([chosen.seed, label])
        for number, string in enumerate(draw_strings(own, uses, chosen, rng)):
            utterance_id = f"{speaker}-{split}-{name}-{number:04d}"
            path = folder / f"{utterance_id}.wav"
            samples = join([sounds[u.utterance_id] for u in string], chosen, rng)
            soundfile.write(path, samples, chosen.sampling_rate, subtype="PCM_16")
            yield Utterance(utterance_id, path, speaker, " ".join(u.text or "" for u in string))


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Join FSDD's recordings into `corpus_dir`, replacing older strings.

    Raises:
        UserError: a wrong option, an unknown split, or FSDD is not there or damaged.
    """
    chosen = validate_options(FsddJoinedOptions, options, "corpus.options")
    source = fsdd.prepare(Path(chosen.source_dir), {})
    recordings = {utterance.utterance_id: utterance for utterance in source.utterances}
    corpus_dir.mkdir(parents=True, exist_ok=True)
    for old in corpus_dir.glob("*.wav"):
        old.unlink()
    sounds: dict[str, Samples] = {}
    for name, utterance in recordings.items():
        try:
            sounds[name] = _read(utterance, chosen.sampling_rate)
        except (soundfile.SoundFileError, OSError) as error:
            raise UserError(f"{utterance.audio}: unreadable ({error}); fetch FSDD again") from None
    utterances = dict(recordings)
    splits: Splits = {}
    for split in chosen.splits:
        if split not in source.splits:
            known = ", ".join(source.splits)
            raise UserError(f"corpus.options.splits: {split}: FSDD has {known}")
        sets: dict[str, list[str]] = {}
        for name in SETS:
            own = [recordings[key] for key in sorted(source.splits[split][name])]
            made = list(_strings(split, name, own, corpus_dir, chosen, sounds))
            utterances |= {utterance.utterance_id: utterance for utterance in made}
            single = [u.utterance_id for u in own] if name == "train" else []
            sets[name] = [*single, *(u.utterance_id for u in made)]
        splits[split] = sets
    return Corpus(list(utterances.values()), source.lexicon, splits, source.rejects)
