"""Connected speech of many words by espeak-ng, with true phone times, as a Kaldi data directory.

Random sequences of the words in words.txt, spoken by the demo corpus's voices, resampled to 16 kHz
with white noise. The lexicon has espeak-ng's phones. A word that it says in several ways is a word
of its own each time, area and area(2), so that the phones of an utterance are known and only their
times are to be found.

    python -m benchmarks.alignment.make_corpus exp/alignment/corpus
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from local.espeak import Phoneme, Request, Speech, list_variants, speak
from local.voices import UNUSED_VOICES
from pipeline.io.atomic import write_text
from pipeline.io.json_lines import write_json_lines

RATE = 16000  # Hz
WORDS = (4, 8)  # in an utterance
PAUSE_PROBABILITY = 0.15  # of a comma after a word
RATES = (120, 190)  # words a minute
PITCHES = (30, 70)
SNR_DB = (15.0, 30.0)
SILENCE = (0.1, 0.35)  # s, before and after the speech
QUIET = 2  # of 32768: what espeak-ng puts out in a closure
NAMES = {"t#": "dx", "0": "oh", "3": "er"}  # a number would be a probability in a lexicon
VARIANT = re.compile(r"(?<=.)[0-9#-]+$")  # @2 -> @, a# -> a: the same sound in another place


def phone_name(mnemonic: str) -> str:
    """One name for espeak-ng's variants of a sound; the flap, t#, stays one."""
    name = mnemonic if mnemonic in NAMES else VARIANT.sub("", mnemonic)
    return NAMES.get(name, name)


def true_phones(words: list[str], spoken: str, speech: Speech) -> list[dict[str, Any]] | None:
    """Times of phones in seconds as the demo corpus has them; None if words were run together.

    espeak-ng's event of a stop stands at its burst: the silence of the closure, made just before
    (prepause in espeak-ng's synthesize.c), is given back to the stop. It is known exactly, as the
    samples there are zero.
    """
    starts = [match.start() for match in re.finditer(r"\S+", spoken)]
    sounds = [sound for sound in speech.phonemes if sound.name != ";"]
    last = Phoneme("_", len(speech.samples), -1)
    phones: list[dict[str, Any]] = []
    was_pause = True
    for sound, following in zip(sounds, [*sounds[1:], last], strict=True):
        if sound.name.startswith("_") or following.start == sound.start:
            was_pause = was_pause or sound.name.startswith("_")
            continue
        start = sound.start
        if not was_pause:
            begin = round(phones[-1]["start"] * speech.sampling_rate)
            loud = np.flatnonzero(np.abs(speech.samples[begin:start].astype(np.int32)) > QUIET)
            start = begin + int(loud[-1]) + 1 if len(loud) else start
            phones[-1]["end"] = start / speech.sampling_rate
        word = max(i for i, first in enumerate(starts) if first <= max(sound.text_position, 0))
        phones.append(
            {
                "phones": [phone_name(sound.name)],
                "word": word,
                "start": start / speech.sampling_rate,
                "end": following.start / speech.sampling_rate,
            }
        )
        was_pause = False
    said = [phone["word"] for phone in phones]
    return phones if sorted(said) == said and set(said) == set(range(len(words))) else None


def waveform(speech: Speech, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Samples in [-1, 1] between silences, with noise, and the seconds before the speech."""
    divisor = int(np.gcd(RATE, speech.sampling_rate))
    samples = speech.samples.astype(np.float64) / 32768.0
    clean = resample_poly(samples, RATE // divisor, speech.sampling_rate // divisor)
    power = float(np.mean(np.square(clean)))
    before, after = (round(rng.uniform(*SILENCE) * RATE) for _ in range(2))
    clean = np.pad(clean, (before, after))
    noise = np.sqrt(power / 10.0 ** (rng.uniform(*SNR_DB) / 10.0))
    noisy = clean + noise * rng.standard_normal(len(clean))
    return 0.8 * noisy / np.abs(noisy).max(), before / RATE


class Variants:
    """Names a word anew for each way of saying it."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, tuple[str, ...]], str] = {}
        self._number: Counter[str] = Counter()

    def name(self, word: str, phones: tuple[str, ...]) -> str:
        """The word, or word(2), word(3), ..."""
        if (word, phones) not in self.names:
            self._number[word] += 1
            number = self._number[word]
            self.names[word, phones] = word if number == 1 else f"{word}({number})"
        return self.names[word, phones]


def make_corpus(
    folder: Path, vocabulary: list[str], num_utterances: int, seed: int
) -> tuple[int, float]:
    """Write audio/, train/, test/, lexicon.txt and audio/phone_times.jsonl.

    Returns:
        Utterances and seconds of audio.
    """
    voices = [name for name in list_variants() if not UNUSED_VOICES.fullmatch(name)]
    plan = []
    for i in range(num_utterances):
        rng = np.random.default_rng([seed, i])
        words = rng.choice(vocabulary, int(rng.integers(WORDS[0], WORDS[1] + 1))).tolist()
        spoken = " ".join(w + ("," if rng.random() < PAUSE_PROBABILITY else "") for w in words)
        voice = voices[i % len(voices)]
        rate, pitch = int(rng.integers(*RATES)), int(rng.integers(*PITCHES))
        request = Request(
            spoken.rstrip(","), f"en-us+{voice}", rate, pitch, int(rng.integers(2**31))
        )
        speaker = re.sub(r"[^a-z0-9]+", "", voice.lower())
        plan.append((f"{speaker}-{i:05d}", speaker, words, request, rng))
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    times, kept, seconds = [], [], 0.0
    variants = Variants()
    speeches = speak([request for *_, request, _ in plan])
    for (utterance_id, speaker, words, request, rng), speech in zip(plan, speeches, strict=True):
        phones = true_phones(words, request.text, speech)
        if phones is None:
            continue
        samples, before = waveform(speech, rng)
        path = folder / "audio" / f"{utterance_id}.wav"
        soundfile.write(path, samples, RATE, subtype="PCM_16")
        text = [
            variants.name(word, tuple(p["phones"][0] for p in phones if p["word"] == i))
            for i, word in enumerate(words)
        ]
        for phone in phones:
            phone["start"] = round(phone["start"] + before, 5)
            phone["end"] = round(phone["end"] + before, 5)
        times.append({"utterance_id": utterance_id, "phones": phones})
        kept.append((utterance_id, speaker, path, " ".join(text)))
        seconds += len(samples) / RATE
    kept.sort()
    write_json_lines(
        folder / "audio" / "phone_times.jsonl", sorted(times, key=lambda t: str(t["utterance_id"]))
    )
    # The Kaldi form wants a test set: two utterances, which nobody scores.
    for name, rows in (("train", kept[2:]), ("test", kept[:2])):
        data = folder / name
        write_text(data / "wav.scp", "".join(f"{u} {path}\n" for u, _, path, _ in rows))
        write_text(data / "text", "".join(f"{u} {text}\n" for u, _, _, text in rows))
        write_text(data / "utt2spk", "".join(f"{u} {speaker}\n" for u, speaker, _, _ in rows))
    lines = sorted(f"{name} {' '.join(phones)}\n" for (_, phones), name in variants.names.items())
    write_text(folder / "lexicon.txt", "".join(lines))
    return len(kept), seconds


def main() -> None:
    """Make the corpus."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment.make_corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--num-utterances", type=int, default=500)
    parser.add_argument("--words", nargs="+", help="vocabulary; default: words.txt")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    default = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()
    vocabulary = args.words or default
    number, seconds = make_corpus(args.folder, vocabulary, args.num_utterances, args.seed)
    print(f"{args.folder}: {number} utterances, {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()
