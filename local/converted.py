"""Audio that a corpus has in another form than recipes read: made mono WAV at one rate, once."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipeline.data.corpus import Utterance
from pipeline.data.resampling import resample
from pipeline.io.atomic import atomic_path
from pipeline.io.rejects import Reject

PROGRESS = 1000  # files between two lines


def convert(source: Path, target: Path, sampling_rate: int, raw: dict[str, Any]) -> None:
    """Make one file, unless it is there and not older than its source.

    Args:
        raw: what soundfile must be told of a file without a header; {}: it has one.
    Raises:
        soundfile.SoundFileError, OSError: it cannot be read.
    """
    changed = source.stat().st_mtime
    if target.is_file() and target.stat().st_mtime >= changed:
        return
    samples, rate = soundfile.read(source, dtype="float32", always_2d=True, **raw)
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    samples = np.clip(resample(mono, rate, sampling_rate), -1.0, 1.0)
    with atomic_path(target) as partial:
        soundfile.write(partial, samples, sampling_rate, "PCM_16", format="WAV")


def converted(
    utterances: Iterable[Utterance],
    folder: Path,
    sampling_rate: int,
    num_threads: int = 1,
    raw: dict[str, Any] | None = None,
) -> tuple[list[Utterance], list[Reject]]:
    """The utterances with their audio as {folder}/{utterance_id}.wav, and those without.

    Files made before are kept, so that an interrupted preparation goes on.

    Args:
        raw: as for `convert`, of all files.
    """

    def make(utterance: Utterance) -> Utterance | Reject:
        name, source = utterance.utterance_id, utterance.audio
        target = folder / f"{name}.wav"
        try:
            convert(source, target, sampling_rate, raw or {})
        except FileNotFoundError:
            return Reject(name, str(source), "transcript without audio", "fetch it or delete it")
        except (soundfile.SoundFileError, OSError) as error:
            reason = f"unreadable audio: {getattr(error, 'error_string', '') or error}"
            return Reject(name, str(source), reason, "fetch or convert the file again")
        return replace(utterance, audio=target)

    good: list[Utterance] = []
    bad: list[Reject] = []
    with ThreadPoolExecutor(num_threads) as pool:
        for i, made in enumerate(pool.map(make, utterances), 1):
            if isinstance(made, Reject):
                bad.append(made)
            else:
                good.append(made)
            if i % PROGRESS == 0:
                print(f"{folder}: {i} files", file=sys.stderr, flush=True)
    return good, bad
