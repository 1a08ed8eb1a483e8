"""Audio files: samples come back, and each kind of bad file has its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.audio import BadAudio, num_samples_of, read_samples
from tests.data.toy_audio import noise, write_wav


def test_samples_are_those_written(tmp_path: Path) -> None:
    integers = np.array([0, 1, -1, 32767, -32768, 1234], dtype=np.int16)
    path = write_wav(tmp_path / "a.wav", integers)
    np.testing.assert_array_equal(read_samples(path, 8000) * 32768, integers.astype(np.float32))
    assert num_samples_of(path, 8000) == 6


def test_a_segment_is_the_slice(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise(1.0))
    whole = read_samples(path, 8000)
    np.testing.assert_array_equal(read_samples(path, 8000, 0.25, 0.5), whole[2000:6000])
    np.testing.assert_array_equal(read_samples(path, 8000, 0.25), whole[2000:])


def test_each_bad_file_has_its_reason(tmp_path: Path) -> None:
    def reason(path: Path) -> str:
        with pytest.raises(BadAudio) as bad:
            num_samples_of(path, 8000)
        assert bad.value.remedy
        with pytest.raises(BadAudio):
            read_samples(path, 8000)
        return bad.value.reason

    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no audio\n" * 10)
    nan = noise()
    nan[100] = np.nan
    assert "no such file" in reason(tmp_path / "missing.wav")
    assert "empty file" in reason(tmp_path / "empty.wav")
    assert "unreadable audio" in reason(tmp_path / "text.wav")
    assert "16000 Hz, expected 8000" in reason(write_wav(tmp_path / "r.wav", noise(), 16000))
    stereo = np.stack([noise(), noise()], axis=1)
    assert "2 channels" in reason(write_wav(tmp_path / "s.wav", stereo))
    assert "NaN" in reason(write_wav(tmp_path / "n.wav", nan, subtype="FLOAT"))
    assert "no samples" in reason(write_wav(tmp_path / "z.wav", np.zeros(0)))


def test_a_wav_cut_within_its_header_is_unreadable(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", noise())
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(BadAudio, match=r"unreadable|no samples"):
        num_samples_of(path, 8000)


def test_all_really_unreadable_files_are_found(corpora_dir: Path) -> None:
    files = sorted((corpora_dir / "unreadable").glob("*.flac"))
    assert len(files) == 14
    for path in files:
        with pytest.raises(BadAudio, match="unreadable audio"):
            num_samples_of(path, 16000)
