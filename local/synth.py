"""A medium-vocabulary task of any size, spoken by espeak-ng in many voices, rooms and noises.

Sentences are drawn from the grammar of local/synth_text.py (599 words), pronunciations are
CMUdict's. The test voices are in no training utterance, nor are voices of the same family. Each
voice has a rate and a pitch of its own, each utterance a room, a noise and a level. Everything
follows from the seed, whatever the number of processes: what espeak-ng has said before changes some
voices slightly, so utterances are made in groups, each in a process of its own. An interrupted
preparation goes on with the next group. Writes {utterance_id}.wav into the corpus folder.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import soundfile
from pydantic import Field, model_validator

from local.cmudict_lexicon import cmudict_lexicon
from local.espeak import Request, Speech, speak_here, speaking_processes
from local.rooms import Signal, coloured_noise, in_room, room_response
from local.synth_text import draw_sentence, vocabulary
from local.voices import speaker_of, split_voices, usable_voices
from pipeline.config import Count, Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.data.resampling import resample
from pipeline.io.atomic import atomic_path, write_text
from pipeline.io.options import validate_options

NUM_TRAIN = 5200  # utterances at scale 1: about 5.1 hours
GROUP = 100  # utterances that one process makes
RATES, RATE_SPREAD = (125, 185), 12  # words a minute: of a voice, and of its utterances around it
PITCHES, PITCH_SPREAD = (25, 70), 5
SILENCE = (0.15, 0.4)  # seconds before and after the speech
PEAKS = (0.2, 0.9)  # of full scale
NOISE_EXPONENTS = (0.0, 1.5)  # from white to nearly brown
OPTIONS_FILE, GROUP_FILE = "options.json", "group_{:05d}.done"
Range = tuple[float, float]


class SynthOptions(Options):
    """Size and difficulty of the corpus."""

    scale: Annotated[float, Field(gt=0, le=100)] = 1.0  # of the training set
    num_test: Count = 400  # utterances
    num_test_voices: Count = 16
    text_sentences: Count = 50_000  # for language models (grammars: file: corpus)
    decay_seconds: Range = (0.15, 0.5)  # reverberation time of the rooms
    direct_db: Range = (3.0, 12.0)  # direct sound over reverberation
    snr_db: Range = (8.0, 25.0)  # of noise of any colour
    sampling_rate: Annotated[int, Field(ge=8000, le=22050)] = 16000  # Hz; default: features'
    seed: int = 1  # default: the configuration's
    num_processes: Count = 2  # makes no difference to what is made

    @model_validator(mode="after")
    def _ordered(self) -> SynthOptions:
        for name in ("decay_seconds", "direct_db", "snr_db"):
            low, high = getattr(self, name)
            if low > high or (name == "decay_seconds" and low <= 0):
                raise ValueError(f"{name}: {low} to {high} is no range; write the lower end first")
        return self


class _Plan(NamedTuple):
    """One utterance, before it is spoken."""

    set_name: str
    utterance_id: str
    speaker: str
    words: list[str]
    request: Request
    rng: np.random.Generator  # for what follows


def set_sizes(options: SynthOptions) -> dict[str, int]:
    """Utterances of each set."""
    return {"train": max(1, round(options.scale * NUM_TRAIN)), "test": options.num_test}


def _around(rng: np.random.Generator, centre: float, spread: float) -> int:
    return round(centre + rng.uniform(-spread, spread))


def _plan(options: SynthOptions, numbers: range) -> list[_Plan]:
    """Utterances of these numbers; those of the test follow those of the training."""
    seed = [options.seed, zlib.crc32(b"synth")]
    split = split_voices(usable_voices(), options.num_test_voices, np.random.default_rng(seed))
    voices = dict(zip(SETS, split, strict=True))
    num_train = set_sizes(options)["train"]
    plans = []
    for number in numbers:
        name = "train" if number < num_train else "test"
        i = number if name == "train" else number - num_train
        voice = voices[name][i % len(voices[name])]
        habits = np.random.default_rng([*seed, zlib.crc32(voice.encode())])
        rate, pitch = habits.uniform(*RATES), habits.uniform(*PITCHES)
        rng = np.random.default_rng([*seed, zlib.crc32(name.encode()), i])
        words = draw_sentence(rng)
        request = Request(
            " ".join(words),
            f"en-us+{voice}",
            _around(rng, rate, RATE_SPREAD),
            _around(rng, pitch, PITCH_SPREAD),
            int(rng.integers(2**31)),
        )
        speaker = speaker_of(voice)
        plans.append(_Plan(name, f"{speaker}-{name}-{i:06d}", speaker, words, request, rng))
    return plans


def draw_text(options: SynthOptions) -> list[str]:
    """Sentences for language models, drawn apart from those that are spoken."""
    rng = np.random.default_rng([options.seed, zlib.crc32(b"text")])
    return [" ".join(draw_sentence(rng)).upper() for _ in range(options.text_sentences)]


def _waveform(speech: Speech, rng: np.random.Generator, options: SynthOptions) -> Signal:
    """Speech between silences, in a room with noise: (num_samples,) in [-1, 1]."""
    rate = options.sampling_rate
    dry = resample(speech.samples.astype(np.float64) / 32768.0, speech.sampling_rate, rate)
    before, after = (round(rng.uniform(*SILENCE) * rate) for _ in range(2))
    dry = np.concatenate([np.zeros(before), dry, np.zeros(after)])
    response = room_response(
        rng, rate, rng.uniform(*options.decay_seconds), rng.uniform(*options.direct_db)
    )
    noise = coloured_noise(rng, len(dry), rng.uniform(*NOISE_EXPONENTS))
    heard = in_room(dry, response, noise, rng.uniform(*options.snr_db))
    return heard * (rng.uniform(*PEAKS) / np.abs(heard).max())


def _mark(folder: Path, numbers: range) -> Path:
    """File that says: all utterances of this group are there."""
    return folder / GROUP_FILE.format(numbers.start)


def _make_group(folder: Path, options: SynthOptions, numbers: range) -> int:
    """Make a group's files; return its size."""
    plans = _plan(options, numbers)
    speeches = speak_here([plan.request for plan in plans])
    for plan, speech in zip(plans, speeches, strict=True):
        samples = _waveform(speech, plan.rng, options)
        with atomic_path(folder / f"{plan.utterance_id}.wav") as path:
            soundfile.write(path, samples, options.sampling_rate, "PCM_16", format="WAV")
    write_text(_mark(folder, numbers), "")
    return len(numbers)


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Synthesise the corpus into `corpus_dir`, replacing one of other options.

    Raises:
        UserError: a wrong option, or espeak-ng cannot speak.
    """
    chosen = validate_options(SynthOptions, options, "corpus.options")
    made_with = chosen.model_dump_json(exclude={"num_processes", "text_sentences"})
    record = corpus_dir / OPTIONS_FILE
    if not record.is_file() or record.read_text(encoding="utf-8") != made_with:
        shutil.rmtree(corpus_dir, ignore_errors=True)
        write_text(record, made_with)
    total = sum(set_sizes(chosen).values())
    groups = [range(i, min(i + GROUP, total)) for i in range(0, total, GROUP)]
    missing = [group for group in groups if not _mark(corpus_dir, group).is_file()]
    done = total - sum(map(len, missing))
    with speaking_processes(chosen.num_processes, tasks_of_each=1) as pool:
        for count in pool.map(partial(_make_group, corpus_dir, chosen), missing):
            done += count
            print(f"synth: {done} of {total} utterances", file=sys.stderr, flush=True)
    official: dict[str, list[str]] = {name: [] for name in SETS}
    utterances = []
    for plan in _plan(chosen, range(total)):
        path = corpus_dir / f"{plan.utterance_id}.wav"
        text = " ".join(plan.words).upper()
        utterances.append(Utterance(plan.utterance_id, path, plan.speaker, text))
        official[plan.set_name].append(plan.utterance_id)
    return Corpus(
        utterances,
        cmudict_lexicon(word.upper() for word in vocabulary()),
        {"official": official},
        sentences=draw_text(chosen),
    )
