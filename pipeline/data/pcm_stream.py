"""Samples from a stream of bytes: raw 16-bit PCM, or WAV whose length need not be known."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pipeline.io.errors import UserError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # format tags of WAV
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # what programs write that cannot know the length
MIN_RATE, MAX_RATE = 1000, 384_000  # Hz
MAX_CHANNELS = 64
MAX_HEADER = 1 << 20  # bytes before the samples


class PcmDecoder:
    """Bytes in any division -> mono samples in [-1, 1]."""

    def __init__(self, channels: int = 1, floats: bool = False) -> None:
        """`floats`: 32-bit floating-point samples instead of 16-bit integers, little-endian."""
        self.channels = channels
        self.dtype = np.dtype("<f4" if floats else "<i2")
        self.rest = b""

    def push(self, data: bytes) -> npt.NDArray[np.float32]:
        """The samples that are now whole: (n,).

        Raises:
            UserError: samples that are no numbers.
        """
        data = self.rest + data
        size = len(data) // (self.dtype.itemsize * self.channels) * self.channels
        self.rest = data[size * self.dtype.itemsize :]
        samples = np.frombuffer(data, self.dtype, size).reshape(-1, self.channels)
        if self.dtype.kind == "f":
            if not np.isfinite(samples).all():
                raise UserError("the stream: samples that are not finite numbers; make it again")
            return samples.mean(axis=1, dtype=np.float32)
        mono: npt.NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32) / np.float32(32768)
        return mono


class PcmStream:
    """A stream of samples and its sampling rate."""

    def __init__(self, stream: BinaryIO, sampling_rate: int | None, name: str) -> None:
        """Read the header.

        Args:
            sampling_rate: Hz of raw samples; None: a WAV header says it.
            name: of the stream, for messages.
        Raises:
            UserError: no header, or of a form that is not read.
        """
        self.stream, self.name = stream, name
        self.num_bytes: int | None = None  # of samples; None: up to the end
        if sampling_rate is None:
            self.rate, self.decoder = self._read_header()
            self.start = b""
        else:
            self.rate, self.decoder = sampling_rate, PcmDecoder()
            self.start = stream.read(12)
            if self.start[:4] == b"RIFF" and self.start[8:] == b"WAVE":
                raise UserError(f"{name}: WAV says its own rate; leave out --sampling-rate")
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise UserError(
                f"{name}: sampling rate {self.rate} Hz, must be {MIN_RATE} to {MAX_RATE}"
            )

    def blocks(self, seconds: float) -> Iterator[npt.NDArray[np.float32]]:
        """Mono samples as they come, so many seconds at a time, fewer at the end.

        Raises:
            UserError: samples that are no numbers.
        """
        width = self.decoder.dtype.itemsize * self.decoder.channels
        size = max(1, round(seconds * self.rate)) * width
        left = self.num_bytes
        data = self.start
        while True:
            wanted = size - len(data) if left is None else min(size - len(data), left)
            more = self.stream.read(wanted) if wanted > 0 else b""
            left = None if left is None else left - len(more)
            data += more
            if not data:
                return
            try:
                yield self.decoder.push(data)
            except UserError as error:
                raise UserError(str(error).replace("the stream", self.name)) from None
            data = b""

    def _take(self, number: int) -> bytes:
        data = self.stream.read(number)
        if len(data) < number:
            raise UserError(f"{self.name}: ended inside the WAV header; give all of it")
        return data

    def _read_header(self) -> tuple[int, PcmDecoder]:
        start = self.stream.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            raise UserError(
                f"{self.name}: no WAV header; give --sampling-rate HZ for raw 16-bit samples"
            )
        form: tuple[int, int, int, int] | None = None
        passed = 0
        while True:
            name, size = struct.unpack("<4sI", self._take(8))
            if name == b"data":
                break
            passed += size + 8
            if passed > MAX_HEADER:
                raise UserError(f"{self.name}: a WAV header without samples; make it again")
            chunk = self._take(size + size % 2)
            if name == b"fmt ":
                if size < 16:
                    raise UserError(f"{self.name}: a damaged WAV header; make it again")
                tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
                if tag == EXTENSIBLE and size >= 26:
                    (tag,) = struct.unpack("<H", chunk[24:26])
                form = tag, channels, rate, bits
        if form is None:
            raise UserError(f"{self.name}: a WAV header without its format; make it again")
        tag, channels, rate, bits = form
        if (tag, bits) not in ((PCM, 16), (FLOAT, 32)) or not 1 <= channels <= MAX_CHANNELS:
            raise UserError(
                f"{self.name}: WAV of format {tag} with {bits} bits and {channels} channels; "
                "a stream must hold 16-bit integers or 32-bit floats: convert it"
            )
        self.num_bytes = None if size in UNKNOWN_SIZES else size
        return rate, PcmDecoder(channels, tag == FLOAT)
