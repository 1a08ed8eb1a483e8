"""Connected digits spoken by espeak-ng: a corpus of any size from nothing, with true phone times.

Each voice is a speaker; the test voices are in no training utterance, nor are voices of the same
family. Rate, pitch, pauses, level and noise are drawn anew for each utterance from the seed.
Writes {utterance_id}.wav and phone_times.jsonl into the corpus folder.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import soundfile
from pydantic import Field, model_validator

from local.digits import DIGIT_WORDS, PRONUNCIATIONS, digit_lexicon
from local.espeak import Phoneme, Request, Speech, speak
from local.voices import speaker_of, split_voices, usable_voices
from pipeline.config import Count, Options
from pipeline.data.corpus import Corpus, Utterance
from pipeline.data.resampling import resample
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.io.options import validate_options

PAUSE_PROBABILITY = 0.2  # of a comma, so a pause, after a digit
RATES = (110, 190)  # words a minute
PITCHES = (30, 70)
SILENCE = (0.1, 0.35)  # seconds before and after the speech
PEAKS = (0.25, 0.9)  # of full scale
PHONE_TIMES = "phone_times.jsonl"
# espeak-ng's phonemes in CMUdict's; o@ is AO and R in one.
PHONES_OF: dict[str, tuple[str, ...]] = {
    "z": ("Z",),
    "i@": ("IH",),
    "r": ("R",),
    "oU": ("OW",),
    "w": ("W",),
    "V": ("AH",),
    "n": ("N",),
    "t": ("T",),
    "u:": ("UW",),
    "T": ("TH",),
    "i:": ("IY",),
    "f": ("F",),
    "o@": ("AO", "R"),
    "aI": ("AY",),
    "v": ("V",),
    "s": ("S",),
    "I": ("IH",),
    "k": ("K",),
    "E": ("EH",),
    "@": ("AH",),
    "eI": ("EY",),
}


class DemoOptions(Options):
    """Size and difficulty of the corpus."""

    num_train: Count = 400  # utterances
    num_test: Count = 80
    num_test_voices: Count = 8
    min_digits: Count = 3  # in an utterance
    max_digits: Count = 5
    snr_db: tuple[float, float] = (15.0, 30.0)  # of white noise, drawn uniformly
    sampling_rate: Annotated[int, Field(ge=4000, le=22050)] = 16000  # Hz; default: features'
    seed: int = 1  # default: the configuration's

    @model_validator(mode="after")
    def _ordered(self) -> DemoOptions:
        if self.min_digits > self.max_digits or self.snr_db[0] > self.snr_db[1]:
            raise ValueError("min_digits and snr_db[0] must not be above max_digits and snr_db[1]")
        return self


def _text(rng: np.random.Generator, options: DemoOptions) -> tuple[list[str], str]:
    """Words, and the text that espeak-ng is to read."""
    count = int(rng.integers(options.min_digits, options.max_digits + 1))
    words = [DIGIT_WORDS[digit] for digit in rng.integers(0, 10, count)]
    spoken = [word.lower() + ("," if rng.random() < PAUSE_PROBABILITY else "") for word in words]
    return words, " ".join(spoken).rstrip(",")


def phone_times(words: list[str], spoken: str, speech: Speech) -> list[dict[str, Any]]:
    """Times of phones in seconds: {"phones", "word", "start", "end"} in order, pauses left out.

    `phones` has two entries where espeak-ng makes one sound of two phones of the lexicon. A sound
    starts at espeak-ng's event and ends at the next one.

    Raises:
        UserError: espeak-ng pronounces a word otherwise than the lexicon has it.
    """
    starts = [match.start() for match in re.finditer(r"\S+", spoken)]
    of_word: list[list[str]] = [[] for _ in words]
    times = []
    last = Phoneme("_", len(speech.samples), -1)
    # A lone ";" marks that the sound before it is palatalised; it is no sound of its own.
    sounds = [phoneme for phoneme in speech.phonemes if phoneme.name != ";"]
    for phoneme, following in zip(sounds, [*sounds[1:], last], strict=True):
        if phoneme.name.startswith("_"):
            continue
        word = max(i for i, start in enumerate(starts) if start <= max(phoneme.text_position, 0))
        phones = PHONES_OF.get(phoneme.name, (phoneme.name,))
        of_word[word] += phones
        times.append(
            {
                "phones": list(phones),
                "word": word,
                "start": phoneme.start / speech.sampling_rate,
                "end": following.start / speech.sampling_rate,
            }
        )
    for spelled, said in zip(words, of_word, strict=True):
        # Before a vowel espeak-ng may link "four" with an r of its own.
        joined = " ".join(said).replace("AO R R", "AO R")
        if joined not in PRONUNCIATIONS[spelled]:
            raise UserError(
                f"espeak-ng: says {spelled} as {joined}, which the lexicon does not have; "
                "install the version of espeakng_loader that the requirements pin"
            )
    return times


def _waveform(
    speech: Speech, rng: np.random.Generator, options: DemoOptions
) -> tuple[npt.NDArray[np.float64], float]:
    """Resampled speech between silences, with noise: samples in [-1, 1], seconds before it."""
    clean = resample(
        speech.samples.astype(np.float64) / 32768.0, speech.sampling_rate, options.sampling_rate
    )
    before, after = (round(rng.uniform(*SILENCE) * options.sampling_rate) for _ in range(2))
    power = float(np.mean(np.square(clean)))
    clean = np.concatenate([np.zeros(before), clean, np.zeros(after)])
    snr = 10.0 ** (rng.uniform(*options.snr_db) / 10.0)
    noisy = clean + rng.standard_normal(len(clean)) * np.sqrt(power / snr)
    peak = rng.uniform(*PEAKS)
    return noisy * (peak / np.abs(noisy).max()), before / options.sampling_rate


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Synthesise the corpus into `corpus_dir`, replacing an older one.

    Raises:
        UserError: a wrong option, or espeak-ng cannot speak.
    """
    chosen = validate_options(DemoOptions, options, "corpus.options")
    seed = [chosen.seed, zlib.crc32(b"demo")]
    train_voices, test_voices = split_voices(
        usable_voices(), chosen.num_test_voices, np.random.default_rng(seed)
    )
    corpus_dir.mkdir(parents=True, exist_ok=True)
    for old in corpus_dir.glob("*.wav"):
        old.unlink()
    plan: list[tuple[str, str, list[str], Request, np.random.Generator]] = []
    official: dict[str, list[str]] = {"train": [], "test": []}
    for name, voices, count in (
        ("train", train_voices, chosen.num_train),
        ("test", test_voices, chosen.num_test),
    ):
        for i in range(count):
            rng = np.random.default_rng([*seed, zlib.crc32(name.encode()), i])
            voice = voices[i % len(voices)]
            speaker = speaker_of(voice)
            words, spoken = _text(rng, chosen)
            rate, pitch = int(rng.integers(*RATES)), int(rng.integers(*PITCHES))
            request = Request(spoken, f"en-us+{voice}", rate, pitch, int(rng.integers(2**31)))
            utterance_id = f"{speaker}-{name}-{i:05d}"
            plan.append((utterance_id, speaker, words, request, rng))
            official[name].append(utterance_id)
    utterances, times = [], []
    speeches = speak([request for _, _, _, request, _ in plan])
    for (utterance_id, speaker, words, request, rng), speech in zip(plan, speeches, strict=True):
        samples, before = _waveform(speech, rng, chosen)
        path = corpus_dir / f"{utterance_id}.wav"
        soundfile.write(path, samples, chosen.sampling_rate, subtype="PCM_16")
        utterances.append(Utterance(utterance_id, path, speaker, " ".join(words)))
        phones = phone_times(words, request.text, speech)
        for phone in phones:
            phone["start"] = round(phone["start"] + before, 5)
            phone["end"] = round(phone["end"] + before, 5)
        times.append({"utterance_id": utterance_id, "phones": phones})
    times.sort(key=lambda item: str(item["utterance_id"]))
    write_json_lines(corpus_dir / PHONE_TIMES, times)
    return Corpus(utterances, digit_lexicon(), {"official": official})
