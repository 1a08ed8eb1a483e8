"""Synthetic speech with true phone times, by the espeak-ng that PyPI's espeakng_loader ships.

The library keeps one global state, is not safe among threads and may end its process on an error;
so it always runs in a process of its own. The constants are those of espeak-ng's speak_lib.h.
"""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.io.errors import UserError

REQUESTS_AT_A_TIME = 50
AUDIO_OUTPUT_RETRIEVAL = 1
INITIALIZE_PHONEME_EVENTS = 0x0001
INITIALIZE_DONT_EXIT = 0x8000
CHARS_UTF8 = 1
# espeak_TextToPhonemes: its own mnemonics, with a blank between phonemes (bits 8 to 23).
PHONEMES_SPACED = ord(" ") << 8
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
EVENT_LIST_TERMINATED, EVENT_PHONEME = 0, 7


class Request(NamedTuple):
    """What to say, and how."""

    text: str
    voice: str  # e.g. en-us+Andy
    rate: int  # words a minute, 80 to 450
    pitch: int  # 0 to 99
    seed: int  # of the voices that are made with breath or roughness


class Phoneme(NamedTuple):
    """One phoneme event."""

    name: str  # espeak's mnemonic without stress marks; pauses start with "_"
    start: int  # sample
    text_position: int  # of its word's first character, from 0


class Speech(NamedTuple):
    """Synthetic speech."""

    samples: npt.NDArray[np.int16]  # (num_samples,)
    sampling_rate: int  # Hz
    phonemes: list[Phoneme]


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Engine:
    """The library, loaded and initialised once in the process that speaks."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        self.libc = ctypes.CDLL(None)
        options = INITIALIZE_PHONEME_EVENTS | INITIALIZE_DONT_EXIT
        data = str(espeakng_loader.get_data_path()).encode()
        self.sampling_rate = int(
            self.library.espeak_Initialize(AUDIO_OUTPUT_RETRIEVAL, 0, data, options)
        )
        if self.sampling_rate <= 0:
            raise RuntimeError(f"espeak_Initialize failed on {data.decode()}")
        self.audio: list[npt.NDArray[np.int16]] = []
        self.phonemes: list[Phoneme] = []
        self.callback = _Callback(self._receive)  # kept: the library holds a bare pointer to it
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self.audio.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        i = 0
        while events[i].type != EVENT_LIST_TERMINATED:
            event = events[i]
            if event.type == EVENT_PHONEME:
                name = event.id.string.decode("utf-8", errors="replace").strip("',%=|")
                self.phonemes.append(Phoneme(name, event.sample, event.text_position - 1))
            i += 1
        return 0

    def speak(self, request: Request) -> Speech:
        self.audio.clear()
        self.phonemes.clear()
        if self.library.espeak_SetVoiceByName(request.voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {request.voice}")
        self.library.espeak_SetParameter(PARAMETER_RATE, request.rate, 0)
        self.library.espeak_SetParameter(PARAMETER_PITCH, request.pitch, 0)
        # It seeds itself with the time of day; breath and roughness draw from either generator.
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(request.seed))
        self.libc.srand(ctypes.c_uint(request.seed))
        text = request.text.encode("utf-8")
        status = self.library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, CHARS_UTF8, None, None
        )
        self.library.espeak_Synchronize()
        if status != 0 or not self.audio:
            raise ValueError(f"espeak-ng said nothing for {request.text!r} with {request.voice}")
        return Speech(np.concatenate(self.audio), self.sampling_rate, list(self.phonemes))

    def phonemes_of(self, text: str, voice: str) -> list[str]:
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        names: list[str] = []
        rest = ctypes.c_char_p(text.encode("utf-8"))
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        while rest.value:  # a clause at a time; at the end of the text it becomes NULL
            clause = self.library.espeak_TextToPhonemes(
                ctypes.byref(rest), CHARS_UTF8, PHONEMES_SPACED
            )
            names += (clause or b"").decode("utf-8", errors="replace").split()
        bare = (name.strip("',%=|:;-") for name in names)
        return [name for name in bare if name and not name.startswith(("_", "("))]


_engine: list[_Engine] = []  # the speaking process's own


def speak_here(requests: list[Request]) -> list[Speech]:
    """Speak in this process, which must be one of ``speaking_processes``.

    What was spoken before in a process changes some voices slightly: the same speech comes only
    after the same requests.
    """
    if not _engine:
        _engine.append(_Engine())
    return [_engine[0].speak(request) for request in requests]


def _phonemes_here(words: list[str], voice: str) -> list[list[str]]:
    if not _engine:
        _engine.append(_Engine())
    return [_engine[0].phonemes_of(word, voice) for word in words]


def phonemes(words: list[str], voice: str = "en-us") -> list[list[str]]:
    """How espeak-ng would say each word: its phoneme mnemonics, without stress and length marks.

    Raises:
        UserError: as ``speak``.
    """
    with speaking_processes() as pool:
        return pool.submit(_phonemes_here, words, voice).result()


def list_variants() -> list[str]:
    """Names of the voice variants (`en-us+NAME`) that this espeak-ng has, sorted."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return sorted(path.name for path in folder.iterdir())


def speak(requests: list[Request]) -> Iterator[Speech]:
    """Speak each request, in order, in one process of its own.

    Raises:
        UserError: espeak-ng is not installed, does not know a voice, or its process died.
    """
    with speaking_processes() as pool:
        starts = range(0, len(requests), REQUESTS_AT_A_TIME)
        groups = [requests[start : start + REQUESTS_AT_A_TIME] for start in starts]
        for speeches in pool.map(speak_here, groups):
            yield from speeches


@contextmanager
def speaking_processes(
    count: int = 1, tasks_of_each: int | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Processes for the library, its failures as one line.

    Args:
        tasks_of_each: after as many tasks, a process is replaced by a new one.
    Raises:
        UserError: espeak-ng is not installed, does not know a voice, or a process died.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(
            count, mp_context=context, max_tasks_per_child=tasks_of_each
        ) as pool:
            yield pool
    except BrokenProcessPool:
        raise UserError(
            "espeak-ng: its process died; reinstall espeakng_loader or use another corpus"
        ) from None
    except ValueError as error:
        raise UserError(f"{error}; languages are its codes, as en-us, de or fr") from None
    except (ImportError, RuntimeError) as error:
        raise UserError(f"espeak-ng: {error}; reinstall espeakng_loader") from None
