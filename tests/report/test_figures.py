"""Pictures: real PNGs, the same bytes each time, and no trouble with odd numbers or names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipeline.align.segments import Segment
from pipeline.report.drawing import MAX_POINTS, summarise
from pipeline.report.figures import (
    confusion_figure,
    gmm_figure,
    gradient_figure,
    training_figure,
    wer_figure,
)
from pipeline.report.spectrogram import (
    alignment_figure,
    choose_utterance,
    load_audio,
    log_spectrogram,
    split_alignment_figure,
)
from tests.report.toy_run import make_toy_run

ODD = "$x_{1 <b>&"


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    image = Image.open(io.BytesIO(png))
    assert not image.info.keys() & {"Software", "Creation Time", "date:create"}
    return np.asarray(image.convert("RGB"))


def all_figures() -> dict[str, bytes]:
    steps: list[dict[str, Any]] = [
        {"step": 1, "epoch": 1, "norm_before": None, "skipped": True, "learning_rate": 0.1},
        {"step": 2, "epoch": 1, "norm_before": 3.0, "norm_after": 1.0, "clipped": True},
        {"step": 3, "epoch": 2, "norm_before": 0.0, "norm_by_layer": {ODD: 0.5, "b": None}},
    ]
    epochs: list[dict[str, Any]] = [
        {"epoch": 1, "loss": None, "held_out_loss": 2.0},
        {"epoch": 2, "loss": 1.0},
    ]
    confusions: list[dict[str, Any]] = [
        {"reference": ODD, "hypothesis": ODD, "count": 5},
        {"reference": None, "hypothesis": ODD, "count": 1},
        {"reference": "B", "hypothesis": None, "count": 2},
    ]
    return {
        "wer": wer_figure(
            [{"label": ODD, "wer": 0.0, "low": 0.0, "high": 0.0, "highlight": True}], ODD
        ),
        "training": training_figure(epochs, steps, ODD),
        "gradients": gradient_figure(steps, 5.0, ODD),
        "gmm": gmm_figure({ODD: [{"iteration": 0, "log_likelihood": -100.0}]}, ODD),
        "confusion": confusion_figure(confusions, [ODD, "B"], ODD),
        "alignment": alignment_figure(
            np.sin(np.arange(4000) / 5), 8000, {ODD: [Segment(ODD, 0.0, 0.5)]}, ODD
        ),
    }


def test_odd_values_and_names_are_drawn_and_bytes_repeat() -> None:
    first, second = all_figures(), all_figures()
    assert first == second
    for name, png in first.items():
        assert len(np.unique(pixels(png).astype(int) @ [65536, 256, 1])) > 10, name


@pytest.mark.parametrize("number", [1, 2, 7, MAX_POINTS, MAX_POINTS * 7 + 3])
def test_summary_keeps_range_and_centre(number: int) -> None:
    values = np.linspace(0.0, 1.0, number)
    places, (low, middle, high) = summarise(values)
    assert len(places) == min(number, MAX_POINTS)
    assert places.min() >= 1
    assert places.max() <= number
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert np.allclose(middle, np.interp(places, np.arange(1, number + 1), values))


def test_summary_leaves_out_what_is_not_finite() -> None:
    values = np.full(MAX_POINTS * 2, 5.0)
    values[0] = np.nan  # beside a number
    values[2:4] = np.inf  # a whole bin
    _, (_, middle, _) = summarise(values)
    assert middle[0] == 5.0
    assert np.isnan(middle[1])
    assert (middle[2:] == 5.0).all()


def test_spectrogram_has_its_peak_at_the_tone_and_in_its_time() -> None:
    rate, tone = 8000, 1000.0
    samples = np.zeros(rate)
    samples[rate // 2 :] = np.sin(2 * np.pi * tone * np.arange(rate // 2) / rate)
    picture = log_spectrogram(samples, rate)
    peak, window = np.unravel_index(picture.argmax(), picture.shape)
    assert peak * rate / 2 / (len(picture) - 1) == pytest.approx(tone, abs=20)
    assert window / picture.shape[1] > 0.5
    early = picture[:, : int(0.48 * picture.shape[1])]
    assert early.max() == picture.min()  # silence lies at the floor
    assert np.isfinite(picture).all()


def test_utterance_is_one_that_all_models_aligned() -> None:
    def segments(end: float) -> list[Segment]:
        return [Segment("a", 0.0, end)]

    first = {f"u{n}": segments(float(n)) for n in range(1, 9)}
    second = {name: first[name] for name in ("u2", "u4", "u8")}
    assert choose_utterance({"a": first, "b": second}) == "u4"  # u8 is too long
    assert choose_utterance({"a": {"long": segments(60.0)}}) == "long"
    assert choose_utterance({"a": first, "b": {}}) is None
    assert choose_utterance({}) is None


def test_audio_is_that_of_the_cut(tmp_path: Path) -> None:
    samples = np.linspace(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "x.wav", samples, 8000)
    source = {"type": "file", "channels": [0], "source": str(tmp_path / "x.wav")}
    recording = {"sampling_rate": 8000, "sources": [source]}
    cut = {"start": 0.25, "duration": 0.5, "recording": recording}
    found, rate = load_audio(cut)
    assert rate == 8000
    assert np.allclose(found, samples[2000:6000], atol=1e-4)


def test_alignment_without_its_audio_is_left_out(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path)
    drawn = split_alignment_figure(toy.root, "official", ["mono", "tri1"])
    assert drawn is not None
    for wave in (tmp_path / "audio").glob("*.wav"):
        wave.unlink()
    assert split_alignment_figure(toy.root, "official", ["mono", "tri1"]) is None
    assert split_alignment_figure(toy.root, "official", ["lstm"]) is None
