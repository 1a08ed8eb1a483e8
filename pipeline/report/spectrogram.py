"""Alignments drawn over the spectrogram of their utterance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.align.ctm import read_ctm
from pipeline.align.segments import Segment
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.report.drawing import COLOURS, INK, WIDTH, draw
from pipeline.report.triage import Row, choose_pair

WINDOW, HOP = 0.025, 0.005  # s
RANGE_DB = 60.0  # what is weaker is white
LONGEST = 5.0  # s; a longer utterance does not fit into the picture


def log_spectrogram(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Power in dB below the peak: (samples,) -> (frequencies, windows), Hann windows of 25 ms."""
    window, hop = max(2, round(WINDOW * rate)), max(1, round(HOP * rate))
    padded = np.pad(samples, (window // 2, window // 2 + hop))  # windows are centred on their time
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    size = 1 << (window - 1).bit_length()
    power = np.abs(np.fft.rfft(frames * np.hanning(window), size)) ** 2
    level = 10.0 * np.log10(np.maximum(power, 1e-12)).T
    decibels: NDArray[np.float64] = np.maximum(level - level.max(), -RANGE_DB)
    return decibels


def choose_utterance(alignments: dict[str, dict[str, list[Segment]]]) -> str | None:
    """An utterance that all models aligned, longer than three quarters of those that fit."""
    tables = list(alignments.values())
    if not tables:
        return None
    common = set(tables[0]).intersection(*tables[1:])
    length = {u: tables[0][u][-1].end for u in common}
    fitting = sorted((u for u in common if length[u] <= LONGEST), key=lambda u: (length[u], u))
    if fitting:
        return fitting[3 * len(fitting) // 4]
    return min(common, key=lambda u: (length[u], u), default=None)


def read_alignments(folder: Path, models: list[str]) -> dict[str, dict[str, list[Segment]]]:
    """Model -> utterance_id -> phones, of those models of a split that have an alignment."""
    found = {}
    for model in models:
        path = folder / model / "alignment" / "phones.ctm"
        if path.exists():
            found[model] = read_ctm(path)
    return {model: table for model, table in found.items() if table}


def load_audio(cut: dict[str, Any]) -> tuple[NDArray[np.float64], int]:
    """Samples of a cut's first channel and their rate.

    Raises:
        OSError: the audio is not in a file, or is not there any more.
        RuntimeError: libsndfile cannot read it.
    """
    import soundfile

    recording = cut["recording"]
    source = recording["sources"][0]
    if source["type"] != "file":
        raise OSError(f"audio of type {source['type']} is not drawn")
    rate = int(recording["sampling_rate"])
    samples, true_rate = soundfile.read(
        source["source"],
        start=round(cut["start"] * rate),
        frames=round(cut["duration"] * rate),
        dtype="float64",
        always_2d=True,
    )
    return samples[:, 0], int(true_rate)


def alignment_figure(
    samples: NDArray[np.float64], rate: int, phones: dict[str, list[Segment]], title: str
) -> bytes:
    """One spectrogram a model, with its phone boundaries and names."""
    duration = len(samples) / rate
    most = max(len(segments) for segments in phones.values())
    width = min(max(WIDTH, 2.2 * duration, 0.8 + 0.28 * most), 10.0)
    picture = log_spectrogram(samples, rate)

    def paint(figure: Figure) -> None:
        rows = figure.subplots(len(phones), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (model, segments) in zip(rows, phones.items(), strict=True):
            axes.grid(visible=False)
            axes.imshow(
                picture,
                origin="lower",
                aspect="auto",
                cmap="Greys",
                extent=(0.0, duration, 0.0, rate / 2000),
            )
            inner = {s.start for s in segments} | {s.end for s in segments}
            axes.vlines(sorted(inner), 0, rate / 2000, color=COLOURS[1], linewidth=1.1)
            for index, segment in enumerate(segments):
                axes.annotate(
                    segment.label,
                    ((segment.start + segment.end) / 2, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(
                        0,
                        2 + 8 * (index % 2),
                    ),  # two rows, so that short phones do not collide
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                    color=INK,
                )
            axes.set_ylabel(f"{model}\nkHz")
            axes.set_xlim(0, duration)
        rows[-1].set_xlabel("seconds")
        figure.suptitle(title, fontsize=9, fontweight="bold", ha="left", x=0.02)

    return draw(paint, width, 0.8 + 1.5 * len(phones))


def draw_utterance(
    root: Path, split: str, utterance_id: str, phones: dict[str, list[Segment]], title: str = ""
) -> bytes | None:
    """Picture of a training utterance with each model's phones; None if it cannot be read."""
    path = root / split / "data" / "train" / "cuts.jsonl.gz"
    cuts = read_json_lines(path) if path.exists() else ()
    cut = next((cut for cut in cuts if cut["id"] == utterance_id), None)
    if cut is None:
        return None
    try:
        samples, rate = load_audio(cut)
    except (OSError, RuntimeError, KeyError, UserError):
        return None  # the audio may lie on another machine; the report does without
    if not len(samples):
        return None
    text = cut["supervisions"][0]["text"]
    shown = text if len(text) <= 60 else text[:59] + "…"
    return alignment_figure(samples, rate, phones, f"{title}{utterance_id}: {shown}")


def split_alignment_figure(root: Path, split: str, models: list[str]) -> tuple[bytes, str] | None:
    """Picture and utterance_id for a split; None if nothing was aligned or no audio can be read."""
    alignments = read_alignments(root / split, models)
    utterance_id = choose_utterance(alignments)
    if utterance_id is None:
        return None
    phones = {model: table[utterance_id] for model, table in alignments.items()}
    png = draw_utterance(root, split, utterance_id, phones)
    return None if png is None else (png, utterance_id)


def triage_figures(root: Path, found: Row) -> list[tuple[str, bytes, str]]:
    """The worst utterance and a usual one: (kind, picture, what it shows) each, or nothing."""
    split, rung = found["split"], found["rung"]
    table = read_alignments(root / split, [rung]).get(rung, {})
    seconds = {utterance_id: phones[-1].end for utterance_id, phones in table.items()}
    pair = choose_pair(found["findings"], seconds, LONGEST)
    if pair is None:
        return []
    figures = []
    for kind, row in zip(("worst", "usual"), pair, strict=True):
        name, cause = row["utterance_id"], row["cause"]
        title = f"Worst ({cause}): " if kind == "worst" else "A usual one: "
        png = draw_utterance(root, split, name, {rung: table[name]}, title)
        if png is not None:
            said = f"Spectrogram of the {kind} utterance {name} with the phones of {rung}"
            figures.append((kind, png, f"{said}; {cause}" if cause else said))
    return figures
