"""Transcription of tones with known words and times: any rate, any length, bad files and models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.bin import transcribe as program
from pipeline.decode.model_directory import open_model
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.transcribe import TranscribeOptions, transcribe
from pipeline.io.errors import UserError
from tests.decode.tone_model import RATE, WORD_SECONDS, audio, export_tone_model

WORDS = ["LOW", "HIGH", "HIGH", "LOW", "LOW", "HIGH"]
WINDOWS = TranscribeOptions("windows", longest=2.0, overlap=0.8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the parts and the export of the tone model."""
    folder = tmp_path_factory.mktemp("tones")
    export_tone_model(folder)
    return folder


@pytest.fixture(scope="module")
def recogniser(made: Path) -> Recogniser:
    return Recogniser.open(made / "export")


def test_words_and_their_times(recogniser: Recogniser, tmp_path: Path) -> None:
    samples, said = audio(WORDS)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    found = transcribe(tmp_path / "a.wav", recogniser)
    assert found.text == " ".join(WORDS)
    assert found.duration == pytest.approx(len(samples) / RATE)
    for word, (_, start) in zip(found.words, said, strict=True):
        assert word.start == pytest.approx(start, abs=0.04)
        assert word.end == pytest.approx(start + WORD_SECONDS, abs=0.04)
        assert 0.9 < word.confidence <= 1.0
    risk = transcribe(tmp_path / "a.wav", recogniser, TranscribeOptions(bayes_risk=True))
    assert risk.text == found.text


@pytest.mark.parametrize(
    ("name", "rate", "channels"), [("a.wav", 16000, 1), ("a.flac", 44100, 2), ("a.ogg", 48000, 2)]
)
def test_any_rate_channels_and_format(
    recogniser: Recogniser, tmp_path: Path, name: str, rate: int, channels: int
) -> None:
    samples, _ = audio(WORDS, rate)
    soundfile.write(tmp_path / name, np.stack([samples] * channels, axis=1), rate)
    assert transcribe(tmp_path / name, recogniser).text == " ".join(WORDS)


@pytest.mark.parametrize("options", [WINDOWS, TranscribeOptions("vad", 2.0, 0.8)])
def test_windows_give_the_words_once(
    recogniser: Recogniser, tmp_path: Path, options: TranscribeOptions
) -> None:
    words = WORDS * 4
    samples, said = audio(words, pause=0.1)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    found = transcribe(tmp_path / "a.wav", recogniser, options)
    assert len(found.segments) > 5
    assert [word.word for word in found.words] == words
    starts = [word.start for word in found.words]
    assert starts == pytest.approx([start for _, start in said], abs=0.05)


def test_pauses_divide_and_progress_is_told(recogniser: Recogniser, tmp_path: Path) -> None:
    one, _ = audio(["LOW"], lead=0.8)
    two, _ = audio(["HIGH", "HIGH"], lead=0.8)
    soundfile.write(tmp_path / "a.wav", np.concatenate([one, two]), RATE)
    steps: list[tuple[float, float]] = []
    found = transcribe(
        tmp_path / "a.wav", recogniser, progress=lambda done, total: steps.append((done, total))
    )
    assert [[w.word for w in s.words] for s in found.segments] == [["LOW"], ["HIGH", "HIGH"]]
    assert [done for done, _ in steps] == [segment.end for segment in found.segments]


def test_silence_has_no_words(recogniser: Recogniser, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(3 * RATE), RATE)
    assert transcribe(tmp_path / "a.wav", recogniser).text == ""
    soundfile.write(tmp_path / "short.wav", np.full(10, 0.1), RATE)
    assert transcribe(tmp_path / "short.wav", recogniser).words == []


def test_bad_audio_is_one_line(recogniser: Recogniser, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("no audio")
    for name, said in (
        ("empty.wav", "0 s of audio"),
        ("nan.wav", "not finite"),
        ("text.wav", "unreadable"),
        ("none.wav", "no such audio file"),
    ):
        with pytest.raises(UserError, match=f"{name}: .*{said}"):
            transcribe(tmp_path / name, recogniser)


def test_the_unreadable_corpus_gives_a_line_each(recogniser: Recogniser, corpora_dir: Path) -> None:
    files = sorted(
        p for p in (corpora_dir / "unreadable").iterdir() if p.suffix in (".wav", ".flac")
    )
    assert files
    for path in files:
        with pytest.raises(UserError, match=path.name):
            transcribe(path, recogniser)


def test_memory_does_not_grow_with_the_length(made: Path, tmp_path: Path) -> None:
    """Twenty minutes, which as float32 are 38 MB, take hardly more than one."""
    program = (
        "import resource, sys; from pipeline.bin.transcribe import main; main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    minute, _ = audio(WORDS, lead=(60.0 - len(WORDS) * (WORD_SECONDS + 0.15)) / 2)
    peaks = []
    for minutes in (1, 20):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 1) as sound:
            for _ in range(minutes):
                sound.write(minute)
        done = subprocess.run(
            [sys.executable, "-c", program, str(path), "--model", str(made / "export")],
            capture_output=True,
            text=True,
            check=True,
        )
        *words, peak = done.stdout.split()
        assert words == WORDS * minutes
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < 15_000  # KiB


def test_options_that_do_not_advance_are_refused() -> None:
    for options in ({"longest": 2.0, "overlap": 1.5}, {"overlap": -1.0}, {"longest": 0.5}):
        with pytest.raises(UserError, match="must be"):
            TranscribeOptions(**options)  # type: ignore[arg-type]


def test_a_moved_folder_works(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "export", tmp_path / "elsewhere/model")
    samples, _ = audio(WORDS)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    moved = Recogniser.open(tmp_path / "elsewhere/model")
    assert transcribe(tmp_path / "a.wav", moved).text == " ".join(WORDS)


def test_a_damaged_folder_is_named(made: Path, tmp_path: Path) -> None:
    files = json.loads((made / "export/manifest.json").read_text())["files"]
    assert len(files) == 9
    for name in files:
        folder = tmp_path / name.replace("/", "_")
        shutil.copytree(made / "export", folder)
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(UserError, match=f"{name}: damaged"):
            open_model(folder)
        (folder / name).unlink()
        with pytest.raises(UserError, match=f"{name}: missing"):
            open_model(folder)


def test_other_versions_and_folders_are_named(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest.json, so no model folder"):
        open_model(tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads((made / "export/manifest.json").read_text())
    path.write_text(json.dumps(manifest | {"format": 3}))
    with pytest.raises(UserError, match="format 3, this version reads 2"):
        open_model(tmp_path)
    for text in ("{", "[]", '{"format": 1}', json.dumps(manifest | {"kind": "other"})):
        path.write_text(text)
        with pytest.raises(UserError, match=r"manifest.json: damaged"):
            open_model(tmp_path)


def test_the_program_goes_on_after_a_bad_file(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, _ = audio(WORDS)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    (tmp_path / "b.wav").write_bytes(b"")
    names = [str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]
    model = ["--model", str(made / "export")]
    with pytest.raises(SystemExit):
        program.main([*names, *model, "--format", "txt", "srt", "--output-dir", str(tmp_path)])
    assert "warning: " in capsys.readouterr().err
    assert (tmp_path / "a.txt").read_text() == f"{' '.join(WORDS)}\n"
    assert (tmp_path / "a.srt").read_text().startswith("1\n00:00:00,")
    program.main([names[0], *model])
    assert capsys.readouterr().out == f"{' '.join(WORDS)}\n"
    with pytest.raises(UserError, match=r"b.wav"):
        program.main([names[1], *model])
    with pytest.raises(UserError, match="same name"):
        program.main([names[0], names[0], *model, "--output-dir", str(tmp_path)])
