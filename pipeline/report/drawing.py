"""What all pictures of a report share: size, colours, and PNGs of the same bytes each time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK, MUTED, GRID = "#1f2933", "#5b6773", "#e3e7eb"
COLOURS = ("#0b6e99", "#d9730d", "#3a7d44", "#8250a8", "#b83280", "#7a5c00", "#56606b")
WIDTH = 4.4  # inches; a phone shows it at three quarters, so letters stay readable
DPI = 180
MAX_POINTS = 300  # of a curve; more are summarised

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a transcript is a $
    "lines.linewidth": 1.6,
}


def draw(paint: Callable[[Figure], None], width: float, height: float) -> bytes:
    """Paint a figure of this size (inches) and return it as PNG."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def summarise(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thin a curve of N values to at most MAX_POINTS.

    Returns:
        Places in the original numbering, from 1: (B,); and quantiles 0.1, 0.5, 0.9 of the values of
        each bin: (3, B). Values that are not finite are left out; a bin of such is NaN.
    """
    bins = np.array_split(np.arange(len(values)), min(len(values), MAX_POINTS))
    places = np.array([bin_.mean() + 1 for bin_ in bins])
    quantiles = np.full((3, len(bins)), np.nan)
    for column, bin_ in enumerate(bins):
        finite = values[bin_][np.isfinite(values[bin_])]
        if len(finite):
            quantiles[:, column] = np.quantile(finite, [0.1, 0.5, 0.9])
    return places, quantiles


def band(axes: Axes, values: NDArray[np.float64], colour: str, label: str) -> None:
    """Draw a noisy curve over its number: median line, and 10 to 90 % where bins hold several."""
    places, (low, middle, high) = summarise(values)
    if len(values) > len(places):
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(places, middle, color=colour, label=label, linewidth=1.2)


def numbers(rows: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    """A column of log lines; NaN where it is missing or null."""
    values = [row.get(name) for row in rows]
    return np.array([np.nan if value is None else float(value) for value in values])
