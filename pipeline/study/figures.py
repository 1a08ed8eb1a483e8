"""Figures of a study."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pipeline.io.atomic import atomic_path
from pipeline.study.results import QUANTILES
from pipeline.study.tables import Row, Table, label

WORST = 100.0  # per cent: what a training that diverged is drawn at
MEDIAN, HIGH, HIGHEST = QUANTILES.index(0.5), QUANTILES.index(0.95), QUANTILES.index(1.0)


def clipping_of(row: Row, table: Table) -> dict[str, Any]:
    """The clipping of a row; empty if the question has none."""
    for path, value in zip(table.paths, row.values, strict=True):
        if path.endswith("clipping"):
            return dict(value)
    return {}


def _wer(row: Row, grammar: str) -> float:
    return row.wer[grammar].mean if grammar in row.wer else math.nan


def threshold(axes: Axes, table: Table, grammar: str) -> None:
    """WER against the threshold, a line a method, with the band of no clipping."""
    by_method: dict[str, list[tuple[float, Row]]] = {}
    for row in table.rows:
        clipping = clipping_of(row, table)
        value = clipping.get("threshold")
        if clipping["method"] == "none" and grammar in row.wer:
            mean = row.wer[grammar]
            axes.axhspan(mean.low, mean.high, color="0.9")
            axes.axhline(mean.mean, color="0.5", label="none")
        elif isinstance(value, float | int) and grammar in row.wer:
            by_method.setdefault(clipping["method"], []).append((float(value), row))
    for method, points in by_method.items():
        points.sort(key=lambda point: point[0])
        means = [row.wer[grammar] for _, row in points]
        axes.errorbar(
            [value for value, _ in points],
            [m.mean for m in means],
            [[m.mean - m.low for m in means], [m.high - m.mean for m in means]],
            marker="o",
            capsize=2,
            label=method,
        )
    axes.set_xscale("log")
    axes.set_xlabel("threshold")
    axes.set_ylabel(f"WER % ({grammar})")
    axes.legend(fontsize=7)


def rates(axes: Axes, table: Table, grammar: str) -> None:
    """WER against the learning rate, a line a clipping."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in table.rows:
        rate = float(row.values[0])
        lines.setdefault(label(row.values[1]), []).append((rate, min(_wer(row, grammar), WORST)))
    for name, points in lines.items():
        points.sort()
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel(f"WER % ({grammar})")
    axes.legend(fontsize=6)


def norms(axes: Axes, table: Table) -> None:
    """Median, 95 % point and largest gradient norm over the epochs, of unclipped trainings."""
    for row in table.rows:
        if clipping_of(row, table) != {"method": "none"}:
            continue
        alive = [
            run for run in row.runs if run["epochs"] and all(e["norms"] for e in run["epochs"])
        ]
        if not alive:
            continue
        name = ", ".join(
            label(v) if isinstance(v, dict) else f"{p.replace('_', ' ')} {label(v)}"
            for p, v in zip(table.paths, row.values, strict=True)
            if not p.endswith("clipping")
        )
        values = np.array([[e["norms"] for e in run["epochs"]] for run in alive]).mean(axis=0)
        epochs = np.arange(1, len(values) + 1)
        (line,) = axes.plot(epochs, values[:, MEDIAN], label=name or "none")
        axes.plot(epochs, values[:, HIGHEST], ":", color=line.get_color())
        axes.fill_between(
            epochs, values[:, MEDIAN], values[:, HIGH], color=line.get_color(), alpha=0.2
        )
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("gradient norm: median, 95 %, largest")
    axes.legend(fontsize=6)


def clipped(axes: Axes, table: Table) -> None:
    """Share of clipped steps over the epochs."""
    for row in table.rows:
        alive = [run for run in row.runs if run["epochs"]]
        if not alive or clipping_of(row, table).get("method") == "none":
            continue
        values = np.array([[e["clipped"] for e in run["epochs"]] for run in alive]).mean(axis=0)
        axes.plot(np.arange(1, len(values) + 1), values, label=label(clipping_of(row, table)))
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("epoch")
    axes.set_ylabel("share of steps clipped")
    axes.legend(fontsize=6)


def draw(path: Path, panels: list[Callable[[Axes], None]]) -> None:
    """Panels side by side, as a PNG."""
    figure, grid = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False)
    for axes, panel in zip(grid[0], panels, strict=True):
        panel(axes)
        axes.grid(alpha=0.3)
    figure.tight_layout()
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=90, metadata={"Software": None})
    plt.close(figure)


def draw_all(tables: list[Table], grammar: str, folder: Path) -> list[str]:
    """All figures that there are runs for; their file names."""
    by_name = {table.name: table for table in tables if table.found}
    made: list[str] = []

    def add(name: str, panels: list[Callable[[Axes], None]]) -> None:
        draw(folder / name, panels)
        made.append(name)

    if "threshold" in by_name:
        table = by_name["threshold"]
        add(
            "threshold.png",
            [lambda axes: threshold(axes, table, grammar), lambda axes: clipped(axes, table)],
        )
    chosen = [by_name[name] for name in ("rate", "sgd_rate") if name in by_name]
    if chosen:
        add("rates.png", [lambda axes, t=t: rates(axes, t, grammar) for t in chosen])  # type: ignore[misc]
    chosen = [by_name[name] for name in ("depth", "noise") if name in by_name]
    if chosen:
        add("norms.png", [lambda axes, t=t: norms(axes, t) for t in chosen])  # type: ignore[misc]
    return made
