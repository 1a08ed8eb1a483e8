"""Pictures of results and of training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from pipeline.report.drawing import COLOURS, INK, MUTED, WIDTH, band, draw, numbers

Row = dict[str, Any]
MAX_MATRIX_WORDS = 30
MAX_LAYERS = 8
MAX_COLUMNS, STEPS_A_COLUMN = 60, 10  # of the histogram over time
NORM_BINS = 30


def wer_figure(rows: list[Row], title: str) -> bytes:
    """WER with its interval at the fixed setting, a line for each row: label, wer, low, high."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        right = max(max(row["high"] for row in rows), 0.1)
        axes.grid(axis="y", visible=False)
        for place, row in enumerate(rows):
            colour = COLOURS[0] if row["highlight"] else MUTED
            axes.plot(
                [row["low"], row["high"]], [place, place], color=colour, linewidth=3, alpha=0.4
            )
            axes.plot([row["wer"]], [place], "o", color=colour, markersize=6)
            axes.annotate(
                f"{row['wer']:.2f}",
                (row["wer"], place),
                xytext=(0, 6),
                textcoords="offset points",
                ha="left" if row["wer"] < 0.04 * right else "center",
                fontsize=8,
            )
        axes.set_yticks(range(len(rows)), [row["label"] for row in rows], color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.set_xlim(-0.04 * right, 1.05 * right)
        axes.set_xlabel("WER % at the fixed setting, 95 % interval")
        axes.set_title(title)

    return draw(paint, WIDTH, 1.0 + 0.36 * len(rows))


def training_figure(epochs: list[Row], steps: list[Row], title: str) -> bytes:
    """Loss, held-out loss, accuracy, held-out WER if measured, and learning rate, by epoch."""
    wer = numbers(epochs, "wer")
    with_wer = bool(np.isfinite(wer).any())

    def paint(figure: Figure) -> None:
        ratios = [2.2, 1, 1, 1] if with_wer else [2.2, 1, 1]
        loss, accuracy, *more, rate = figure.subplots(
            len(ratios), 1, sharex=True, height_ratios=ratios
        )
        x = numbers(epochs, "epoch")
        for axes in more:
            axes.plot(x, wer, color=COLOURS[3], marker="o", ms=3)
            axes.set_ylabel("WER %")
            axes.set_ylim(bottom=0)
        loss.plot(x, numbers(epochs, "loss"), color=COLOURS[0], marker="o", ms=3, label="training")
        held_out = numbers(epochs, "held_out_loss")
        loss.plot(x, held_out, color=COLOURS[1], marker="o", ms=3, label="held out")
        if np.isfinite(held_out).any():
            best = int(np.nanargmin(held_out))
            loss.plot([x[best]], [held_out[best]], "o", color=COLOURS[1], ms=8, mfc="none")
        loss.set_ylabel("loss, nats a frame")
        loss.set_title(title)
        loss.legend()
        accuracy.plot(
            x, 100 * numbers(epochs, "frame_accuracy"), color=COLOURS[1], marker="o", ms=3
        )
        accuracy.set_ylabel("accuracy %")
        if steps and "epoch" in steps[0]:
            _rate_by_step(rate, steps)
        else:
            rate.plot(x, numbers(epochs, "learning_rate"), color=COLOURS[2], marker="o", ms=3)
        rate.set_ylabel("rate")
        rate.set_ylim(bottom=0)
        rate.ticklabel_format(axis="y", style="sci", scilimits=(-1, 1))
        rate.set_xlabel("epoch")
        rate.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.align_ylabels()

    return draw(paint, WIDTH, 5.4 if with_wer else 4.6)


def _rate_by_step(axes: Axes, steps: list[Row]) -> None:
    """Learning rate over the share of epochs done; epoch n lies between n - 1 and n."""
    epoch = numbers(steps, "epoch")
    starts = {number: int(np.argmax(epoch == number)) for number in np.unique(epoch)}
    sizes = {number: int((epoch == number).sum()) for number in starts}
    x = [number - 1 + (i - starts[number] + 1) / sizes[number] for i, number in enumerate(epoch)]
    axes.plot(x, numbers(steps, "learning_rate"), color=COLOURS[2])


def gradient_figure(steps: list[Row], threshold: float | None, title: str) -> bytes:
    """Gradient norm before and after clipping, share of clipped steps, and norms by layer."""
    layers = sorted({layer for step in steps for layer in step.get("norm_by_layer") or {}})
    if len(layers) > MAX_LAYERS:  # keep those with the largest norms
        size = {n: np.nansum(_layer(steps, n)) for n in layers}
        layers = sorted(sorted(layers, key=lambda n: -size[n])[:MAX_LAYERS])

    def paint(figure: Figure) -> None:
        number = 3 if layers else 2
        rows = figure.subplots(number, 1, sharex=True, height_ratios=[2, 1, 2][:number])
        norms, share = rows[0], rows[1]
        band(norms, numbers(steps, "norm_before"), COLOURS[0], "before clipping")
        band(norms, numbers(steps, "norm_after"), COLOURS[1], "after")
        if threshold is not None:
            norms.axhline(threshold, color=INK, linewidth=0.9, linestyle="--", label="threshold")
        _log_scale(norms)
        norms.set_ylabel("gradient norm")
        norms.legend(ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 0.97), borderaxespad=0.2)
        figure.suptitle(title, fontsize=9, fontweight="bold", ha="left", x=0.02)
        clipped = 100.0 * numbers(steps, "clipped")
        window = max(1, min(50, len(clipped) // 10))
        mean = np.convolve(clipped, np.ones(window) / window, mode="valid")
        share.plot(np.arange(len(mean)) + window, mean, color=COLOURS[3])
        skipped = np.flatnonzero(numbers(steps, "skipped") > 0) + 1
        if len(skipped):
            share.plot(
                skipped, np.full(len(skipped), 100.0), "x", color=COLOURS[4], label="skipped"
            )
            share.legend()
        share.set_ylim(-5, 110)
        share.set_ylabel("clipped %")
        if layers:
            for index, layer in enumerate(layers):
                colour = COLOURS[index % len(COLOURS)]
                style = "-" if index < len(COLOURS) else "--"
                band(rows[2], _layer(steps, layer), colour, layer)
                rows[2].lines[-1].set_linestyle(style)
            _log_scale(rows[2])
            rows[2].set_ylabel("norm by layer")
            rows[2].legend(ncols=3, fontsize=7, loc="lower left", bbox_to_anchor=(-0.02, 0.97))
        rows[-1].set_xlabel("step")
        figure.align_ylabels()

    return draw(paint, WIDTH, 5.6 if layers else 3.6)


def gradient_histogram_figure(
    steps: list[Row], threshold: float | None, title: str
) -> bytes | None:
    """Where the norm before clipping lies over time: each column is a histogram of its steps.

    None if no norm is above 0.
    """
    norms = numbers(steps, "norm_before")
    place = np.flatnonzero(np.isfinite(norms) & (norms > 0))
    if not len(place):
        return None
    levels = np.log10(norms[place])
    low, high = float(levels.min()), float(levels.max())
    spread = max(high - low, 0.2)
    columns = max(1, min(MAX_COLUMNS, len(steps) // STEPS_A_COLUMN))
    edges = [
        np.linspace(0.5, len(steps) + 0.5, columns + 1),
        np.linspace(low - 0.05 * spread, low + 1.05 * spread, NORM_BINS + 1),
    ]
    counts, _, _ = np.histogram2d(place + 1, levels, bins=edges)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=False)
        mesh = axes.pcolormesh(edges[0], 10.0 ** edges[1], 100 * share.T, cmap="Blues", vmin=0)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        if threshold is not None and edges[1][0] <= np.log10(threshold) <= edges[1][-1]:
            axes.axhline(threshold, color=COLOURS[1], linewidth=1.2, linestyle="--")
        axes.set_xlabel("step")
        axes.set_ylabel("gradient norm before clipping")
        axes.set_title(title)
        figure.colorbar(mesh, ax=axes, label="% of the steps", pad=0.02)

    return draw(paint, WIDTH, 2.9)


def _layer(steps: list[Row], layer: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return numbers([step.get("norm_by_layer") or {} for step in steps], layer)


def _log_scale(axes: Axes) -> None:
    """A logarithmic axis, if there is something above 0 to show."""
    data = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    positive = data[np.isfinite(data) & (data > 0)]
    if not len(positive):
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def gmm_figure(logs: dict[str, list[Row]], title: str) -> bytes:
    """Log-likelihood a frame by iteration, a panel for each rung (their features differ)."""
    columns = min(2, len(logs))
    lines = math.ceil(len(logs) / columns)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, (rung, log) in zip(grid, logs.items(), strict=False):
            axes.plot(numbers(log, "iteration"), numbers(log, "log_likelihood"), color=COLOURS[0])
            gaussians = numbers(log, "num_gaussians")
            last = f", {gaussians[-1]:.0f} Gaussians" if np.isfinite(gaussians[-1:]).any() else ""
            axes.set_title(f"{rung}{last}")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        for axes in grid[len(logs) :]:
            axes.set_visible(False)
        figure.supxlabel("iteration", fontsize=9)
        figure.supylabel("log-likelihood a frame", fontsize=9)
        figure.suptitle(title, fontsize=9, fontweight="bold", ha="left", x=0.02)

    return draw(paint, WIDTH, 0.7 + 1.6 * lines)


def confusion_figure(confusions: list[Row], words: list[str], title: str) -> bytes:
    """Counts of reference (rows) against hypothesis (columns); the last of each is no word.

    Args:
        confusions: reference, hypothesis (null for none) and count, correct pairs too.
        words: in the order of the rows.
    """
    labels = [*words, "—"]
    place = {word: index for index, word in enumerate(words)}
    counts = np.zeros((len(labels), len(labels)), int)
    for row in confusions:
        reference = place.get(row["reference"], len(words))
        hypothesis = place.get(row["hypothesis"], len(words))
        counts[reference, hypothesis] += row["count"]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=False)
        said = counts.sum(axis=1, keepdims=True)
        said[-1] = said.sum() // len(labels)  # insertions, as if "no word" were a usual word
        share = np.minimum(counts / np.maximum(said, 1), 1.0)
        # Errors are rare: the square root makes small shares visible.
        axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[i, j] > 0.35 else INK
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=7, color=colour)
        axes.set_xticks(range(len(labels)), labels, rotation=90, color=INK)
        axes.set_yticks(range(len(labels)), labels, color=INK)
        axes.set_xlabel("recognised (—: deleted)")
        axes.set_ylabel("said (—: inserted)")
        axes.set_title(title)

    size = max(WIDTH, 1.6 + 0.3 * len(labels))
    return draw(paint, size, size)
