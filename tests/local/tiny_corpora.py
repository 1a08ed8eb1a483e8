"""Tiny corpora in the layouts and formats of the real ones, spoken by espeak-ng."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from local import registry
from local.espeak import Phoneme, Request, Speech, speak
from pipeline.data.corpus import Corpus
from pipeline.data.resampling import resample

VOICES = ("m1", "f2", "m3", "f4")
TEXTS = ("one two six", "go left", "nine zero", "yes five")
Spoken = dict[tuple[str, str], Speech]  # voice, text


def speak_all() -> Spoken:
    """Every text in every voice."""
    said = [(voice, text) for voice in VOICES for text in TEXTS]
    requests = [Request(text, f"en-us+{voice}", 170, 50, 1) for voice, text in said]
    return dict(zip(said, speak(requests), strict=True))


def samples_at(speech: Speech, rate: int) -> npt.NDArray[np.float32]:
    """In [-1, 1] at another rate."""
    return resample(speech.samples.astype(np.float32) / 32768.0, speech.sampling_rate, rate)


def write(path: Path, speech: Speech, rate: int, **form: Any) -> None:
    """A file in the form that soundfile is told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples_at(speech, rate), rate, **form)


def utterances(spoken: Spoken, speakers: Sequence[str]) -> Iterable[tuple[str, str, Speech]]:
    """Speaker, text and speech; a speaker for each voice."""
    for (voice, text), speech in spoken.items():
        yield speakers[VOICES.index(voice)], text, speech


def an4(folder: Path, spoken: Spoken, raw: bool = False) -> Path:
    """The last speaker is the test."""
    speakers = ("fash", "mblb", "fcaw", "mmxg")
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for i, (speaker, text, speech) in enumerate(utterances(spoken, speakers)):
        set_name, part = ("test", "an4test") if speaker == speakers[-1] else ("train", "an4")
        name = f"an{i}-{speaker}-b"
        form = (
            {"format": "RAW", "subtype": "PCM_16", "endian": "BIG"}
            if raw
            else {"format": "NIST", "subtype": "PCM_16"}
        )
        ending = "raw" if raw else "sph"
        path = folder / "an4" / "wav" / f"{part}_clstk" / speaker / f"{name}.{ending}"
        write(path, speech, 16000, **form)
        marked = f"<s> {text.upper()} </s>" if set_name == "train" else text.upper()
        lines[set_name].append(f"{marked} ({name})\n")
    etc = folder / "an4" / "etc"
    etc.mkdir()
    for set_name, listed in lines.items():
        (etc / f"an4_{set_name}.transcription").write_text("".join(listed))
    (etc / "an4.dic").write_text(
        "FIVE  F AY V\nGO  G OW\nLEFT  L EH F T\nNINE  N AY N\nONE  W AH N\nONE(2)  HH W AH N\n"
        "SIX  S IH K S\nTWO  T UW\nYES  Y EH S\nZERO  Z IH R OW\nZERO(2)  Z IY R OW\n"
    )
    return folder


# espeak-ng's phonemes as labels of TIMIT.
LABELS = {
    **{"w": "w", "V": "ah", "n": "n", "t": "t", "u:": "uw", "s": "s", "I": "ih", "k": "k"},
    **{"g": "g", "oU": "ow", "l": "l", "E": "eh", "f": "f", "aI": "ay", "z": "z", "i@": "ix"},
    **{"r": "r", "j": "y", "v": "v", "i:": "iy", "3": "axr", "@": "ax"},
}
CLOSURES = {"t": "tcl", "k": "kcl", "g": "gcl"}


def timit_labels(phonemes: Sequence[Phoneme], num_samples: int, rate: int) -> str:
    """A .PHN file: the sounds between two h#, stops in closure and release."""
    sounds = [p for p in phonemes if p.name in LABELS]
    times = [round(p.start * 16000 / rate) for p in sounds] + [round(num_samples * 16000 / rate)]
    lines = [f"0 {times[0]} h#"]
    for sound, start, end in zip(sounds, times[:-1], times[1:], strict=True):
        label = LABELS[sound.name]
        if label in CLOSURES:
            middle = (start + end) // 2
            lines.append(f"{start} {middle} {CLOSURES[label]}")
            start = middle
        lines.append(f"{start} {end} {label}")
    lines.append(f"{times[-1]} {times[-1] + 160} h#")
    return "".join(f"{line}\n" for line in lines)


def timit(folder: Path, spoken: Spoken) -> Path:
    """Two speakers train; one is of the core test, one of the development set."""
    speakers = {"fcjf0": "TRAIN", "mdac0": "TRAIN", "fdhc0": "TEST", "mwjg0": "TEST"}
    for i, (speaker, text, speech) in enumerate(utterances(spoken, list(speakers))):
        for name in (f"SX{i}", "SA1"):  # the second is to be left out
            place = folder / "TIMIT" / speakers[speaker] / "DR1" / speaker.upper() / name
            write(place.with_suffix(".WAV"), speech, 16000, format="NIST", subtype="PCM_16")
            size = len(speech.samples)
            labels = timit_labels(speech.phonemes, size, speech.sampling_rate)
            place.with_suffix(".PHN").write_text(labels)
            place.with_suffix(".TXT").write_text(f"0 {size} {text}.\n")
            place.with_suffix(".WRD").write_text(f"0 {size} {text.split()[0]}\n")
    return folder


def tidigits(folder: Path, spoken: Spoken) -> Path:
    """Digits as the names say, whatever is spoken."""
    names = {"one two six": "126a", "go left": "oz3b", "nine zero": "9za", "yes five": "5b"}
    places = {"ae": "train/man", "bd": "train/woman", "ac": "test/man", "kd": "test/boy"}
    for speaker, text, speech in utterances(spoken, list(places)):
        path = folder / "tidigits" / places[speaker] / speaker / f"{names[text]}.wav"
        write(path, speech, 20000, format="NIST", subtype="PCM_16")
    return folder


def librispeech(
    folder: Path, spoken: Spoken, train: str, test: str, test_speaker: str = "61"
) -> Path:
    """Two parts, in FLAC; the last speaker is the test."""
    lines: dict[Path, list[str]] = {}
    for i, (speaker, text, speech) in enumerate(
        utterances(spoken, ("19", "26", "32", test_speaker))
    ):
        chapter = (
            folder / "LibriSpeech" / (test if speaker == test_speaker else train) / speaker / "198"
        )
        name = f"{speaker}-198-{i:04}"
        write(chapter / f"{name}.flac", speech, 16000)
        table = chapter / f"{speaker}-198.trans.txt"
        lines.setdefault(table, []).append(f"{name} {text.upper()}\n")
    for table, listed in lines.items():
        table.write_text("".join(listed))
    (folder / "librispeech-lexicon.txt").write_text(
        "FIVE F AY1 V\nGO G OW1\nLEFT L EH1 F T\nNINE N AY1 N\nONE W AH1 N\nONE W AH0 N\n"
        "SIX S IH1 K S\nTWO T UW1\nYES Y EH1 S\nZERO Z IH1 R OW0\n"
    )
    return folder


def speech_commands(folder: Path, spoken: Spoken) -> Path:
    """One word a file, whatever is spoken; a speaker for each list, two to train."""
    words = {"one two six": "one", "go left": "left", "nine zero": "nine", "yes five": "backward"}
    lists: dict[str, list[str]] = {"testing_list.txt": [], "validation_list.txt": []}
    speakers = ("0a7c2a8d", "0b09edd3", "004ae714", "00176480")
    for speaker, text, speech in utterances(spoken, speakers):
        name = f"{words[text]}/{speaker}_nohash_0.wav"
        write(folder / name, speech, 16000)
        if speaker in speakers[2:]:
            lists[list(lists)[speakers.index(speaker) - 2]].append(f"{name}\n")
    write(folder / "_background_noise_" / "pink_noise.wav", speech, 16000)
    for file, listed in lists.items():
        (folder / file).write_text("".join(listed))
    return folder


def audio_mnist(folder: Path, spoken: Spoken) -> Path:
    """One digit a file, whatever is spoken."""
    digits = {text: i for i, text in enumerate(TEXTS)}
    for speaker, text, speech in utterances(spoken, ("01", "02", "04", "05")):
        write(folder / "data" / speaker / f"{digits[text]}_{speaker}_0.wav", speech, 48000)
    speakers = {f"{number:02}": {"age": "30"} for number in range(1, 61)}
    (folder / "data" / "audioMNIST_meta.txt").write_text(json.dumps(speakers))
    return folder


def common_voice(folder: Path, spoken: Spoken, language: str = "en") -> Path:
    """Three tables and MP3 of two rates; two clients train."""
    home = folder / "cv-corpus-1.0" / language
    header = (
        "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale\tsegment"
    )
    rows: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    clients = [letter * 128 for letter in "abcd"]
    for i, (client, text, speech) in enumerate(utterances(spoken, clients)):
        name = f"common_voice_{language}_{i}.mp3"
        write(home / "clips" / name, speech, (48000, 32000)[i % 2], format="MP3")
        sentence = f'"{text.capitalize()}!' if i % 2 else f"{text.capitalize()}."
        table = ("train", "train", "dev", "test")[clients.index(client)]
        rows[table].append(f"{client}\t{name}\t{sentence}\t2\t0\t\t\t\t{language}\t")
    for table, listed in rows.items():
        text = "\n".join([header, *listed]) + "\n"
        (home / f"{table}.tsv").write_text(text, encoding="utf-8")
    return folder / "cv-corpus-1.0"


MINI = {
    "train_parts": ["train-clean-5"],
    "test_part": "dev-clean-2",
    "dev_part": "dev-clean-2",
    "lexicon": "librispeech-lexicon.txt",
}


def mini_librispeech(folder: Path, spoken: Spoken) -> Path:
    """Its two parts."""
    return librispeech(folder, spoken, "train-clean-5", "dev-clean-2", "84")


def librispeech_100(folder: Path, spoken: Spoken) -> Path:
    """One training part, dev-clean and test-clean."""
    librispeech(folder, spoken, "train-clean-100", "dev-clean", "84")
    return librispeech(folder, spoken, "train-clean-100", "test-clean")


def prepare(name: str, folder: Path, options: dict[str, Any], converted: Path) -> Corpus:
    """As the program prepares it; converted audio goes where it is told."""
    entry = registry.find_entry(name)
    if entry.converts:
        options = {**options, "converted": str(converted)}
    return registry.load_module(entry).prepare(folder, options)
