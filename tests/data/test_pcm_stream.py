"""Raw and WAV streams, against what soundfile writes; and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from pipeline.data.pcm_stream import PcmDecoder, PcmStream
from pipeline.io.errors import UserError

RATE = 8000
SAMPLES = np.random.default_rng(1).uniform(-0.9, 0.9, (1003, 2)).astype(np.float32)


def wav(subtype: str = "PCM_16", form: str = "WAV", channels: int = 2) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, SAMPLES[:, :channels], RATE, format=form, subtype=subtype)
    return data.getvalue()


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_is_read_as_soundfile_reads_it(form: str, subtype: str, channels: int) -> None:
    data = wav(subtype, form, channels)
    stream = PcmStream(io.BytesIO(data + b"LIST\4\0\0\0abcd"), None, "it")
    assert stream.rate == RATE
    blocks = list(stream.blocks(0.01))
    assert {len(block) for block in blocks[:-1]} == {80}
    read, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert np.concatenate(blocks) == pytest.approx(read.mean(axis=1), abs=1e-6)


def test_a_length_that_is_not_known() -> None:
    data = wav()
    place = data.index(b"data") + 4
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        stream = PcmStream(io.BytesIO(data[:place] + size + data[place + 4 :]), None, "it")
        assert sum(map(len, stream.blocks(0.1))) == len(SAMPLES)


def test_raw_samples_in_any_division() -> None:
    whole = (SAMPLES[:, 0] * 32768).astype("<i2")
    decoder = PcmDecoder()
    data = whole.tobytes()
    parts = [decoder.push(data[start : start + 7]) for start in range(0, len(data), 7)]
    assert np.concatenate(parts) == pytest.approx(whole / 32768.0)
    blocks = list(PcmStream(io.BytesIO(data + b"\1"), RATE, "it").blocks(0.05))
    assert np.concatenate(blocks) == pytest.approx(whole / 32768.0)
    assert list(PcmStream(io.BytesIO(b""), RATE, "it").blocks(0.1)) == []


def test_what_is_no_stream_of_samples_is_one_line() -> None:
    data = wav()
    nan = wav("FLOAT")
    nan = nan[:-4] + np.array([np.nan], "<f4").tobytes()
    for broken, rate, said in (
        (b"no audio at all", None, "no WAV header; give --sampling-rate"),
        (b"", None, "no WAV header"),
        (data[:30], None, "ended inside the WAV header"),
        (data, RATE, "leave out --sampling-rate"),
        (wav("PCM_24"), None, "format 1 with 24 bits"),
        (wav("ULAW"), None, "format 7"),
        (b"\0\0", 10, "sampling rate 10 Hz"),
        (data[:12] + data[36:], None, "without its format"),
        (data[:12] + b"LIST\xff\xff\xff\x7f" + data[12:], None, "without samples"),
    ):
        with pytest.raises(UserError, match=f"it: .*{said}"):
            PcmStream(io.BytesIO(broken), rate, "it")
    with pytest.raises(UserError, match="it: samples that are not finite"):
        list(PcmStream(io.BytesIO(nan), None, "it").blocks(0.1))
