"""The test utterances with most errors: their sound, and their spectrogram with what was said."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.report.drawing import MUTED, WIDTH, draw
from pipeline.report.spectrogram import load_audio, log_spectrogram

Row = dict[str, Any]
NUM_HEARD = 6  # of a split and grammar; the page holds their sound
LONGEST = 10.0  # s; more is cut off
TEXT_WIDTH = 48  # characters


@dataclass(frozen=True)
class Heard:
    """One utterance of the test set."""

    utterance_id: str
    png: bytes
    wav: bytes  # 16 bits
    said: str  # what it is, in words


def wav_bytes(samples: NDArray[np.float64], rate: int) -> bytes:
    """Samples as a WAV file of 16 bits, brought to full scale: (T,) -> bytes."""
    import soundfile

    peak = float(np.abs(samples).max(initial=0.0))
    buffer = io.BytesIO()
    scaled = samples * (0.9 / peak if peak > 0 else 1.0)
    soundfile.write(buffer, scaled, rate, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


def spectrogram_figure(samples: NDArray[np.float64], rate: int, title: str, below: str) -> bytes:
    """Spectrogram with one line above and one beneath it."""
    picture, seconds = log_spectrogram(samples, rate), len(samples) / rate

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=False)
        extent = (0.0, seconds, 0.0, rate / 2000)
        axes.imshow(picture, origin="lower", aspect="auto", cmap="Greys", extent=extent)
        axes.set_title(title)
        axes.set_ylabel("kHz")
        axes.set_xlabel(below, color=MUTED)

    return draw(paint, WIDTH, 1.7)


def _short(words: list[str]) -> str:
    text = " ".join(words) or "(nothing)"
    return text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…"


def heard_utterances(root: Path, row: Row) -> list[Heard]:
    """The worst utterances of one best model, as far as their audio can be read.

    Args:
        row: of `errors` in results.json.
    """
    path = root / row["split"] / "data" / "test" / "cuts.jsonl.gz"
    worst = {found["utterance_id"]: found for found in row["worst"][:NUM_HEARD]}
    if not worst or not path.exists():
        return []
    cuts = {cut["id"]: cut for cut in read_json_lines(path) if cut["id"] in worst}
    heard = []
    for utterance_id, found in worst.items():
        try:
            samples, rate = load_audio(cuts[utterance_id])
        except (KeyError, OSError, RuntimeError, UserError):
            continue  # the audio may lie on another machine; the report does without
        samples = samples[: round(LONGEST * rate)]
        if not len(samples):
            continue
        said, recognised = _short(found["reference"]), _short(found["hypothesis"])
        title, below = f"{utterance_id}: {said}", f"recognised: {recognised}"
        png = spectrogram_figure(samples, rate, title, below)
        alt = f"Spectrogram of {utterance_id}: said {said}, recognised {recognised}"
        heard.append(Heard(utterance_id, png, wav_bytes(samples, rate), alt))
    return heard
