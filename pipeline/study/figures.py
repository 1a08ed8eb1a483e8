"""Figures of a study: means over seeds with the tables' 95 % intervals, legends beside the axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pipeline.io.atomic import atomic_path
from pipeline.study.answers import USABLE
from pipeline.study.cost import Costs
from pipeline.study.results import QUANTILES
from pipeline.study.tables import Mean, Row, Table, label

WORST = 100.0  # per cent: where WER ends, and what trainings without one are drawn at
MEDIAN, HIGH, HIGHEST = QUANTILES.index(0.5), QUANTILES.index(0.95), QUANTILES.index(1.0)
NO_CLIPPING = {"method": "none"}
RATES = ("rate", "sgd_rate", "corpus_rate")  # questions that try learning rates
ASIDE = 1.06  # factor along an axis from a line to the next, so that no interval hides another
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
LOST = "some runs diverged"
BOUND = f"{USABLE:g} × the lowest"

Panel = Callable[[Axes], None]
Style = dict[str, Any]


def clipping_of(row: Row, table: Table) -> dict[str, Any]:
    """The clipping of a row; empty if the question has none."""
    for path, value in zip(table.paths, row.values, strict=True):
        if path.endswith("clipping"):
            return dict(value)
    return {}


def _rate_of(row: Row, table: Table) -> float:
    place = next(i for i, path in enumerate(table.paths) if path.endswith("learning_rate"))
    return float(row.values[place])


def _styles(values: Iterable[dict[str, Any]]) -> dict[str, Style]:
    """Name -> a colour of its family (method or type of network), lines and marks of its own."""
    found: dict[str, Style] = {}
    families: dict[str, int] = {}  # members so far
    for value in values:
        name = label(value)
        if name in found:
            continue
        family = str(value.get("method", value.get("type")))
        member = families.setdefault(family, 0)
        families[family] += 1
        color = "0.4" if value == NO_CLIPPING else f"C{list(families).index(family)}"
        mark = MARKERS[member % len(MARKERS)]
        found[name] = {"color": color, "linestyle": LINES[member % len(LINES)], "marker": mark}
    return found


def _line(axes: Axes, x: Sequence[float], means: Sequence[Mean], **style: Any) -> None:
    """A line with the intervals of its points; those of one run have none."""
    below = np.nan_to_num([mean.mean - mean.low for mean in means])
    above = np.nan_to_num([mean.high - mean.mean for mean in means])
    values = [mean.mean for mean in means]
    style = {"markersize": 4, "capsize": 2, "linewidth": 1.2, "elinewidth": 0.8, **style}
    axes.errorbar(x, values, [below, above], **style)


def _legend(axes: Axes) -> None:
    """To the right of the axes, where it covers nothing."""
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)


def threshold(axes: Axes, table: Table, grammar: str) -> None:
    """WER against the threshold, a line a method, with the band of no clipping.

    A threshold that is no number of the configuration has a place of its own at the right end.
    """
    by_method: dict[str, list[tuple[float, Row]]] = {}
    apart: list[tuple[dict[str, Any], Row]] = []
    rows = [row for row in table.rows if grammar in row.wer]
    styles = _styles({"method": clipping_of(row, table)["method"]} for row in rows)
    for row in rows:
        clipping = clipping_of(row, table)
        value, mean = clipping.get("threshold"), row.wer[grammar]
        if clipping == NO_CLIPPING:
            axes.axhspan(mean.low, mean.high, color="0.9")
            axes.axhline(mean.mean, color=styles["none"]["color"], label="none")
        elif isinstance(value, float | int):
            by_method.setdefault(clipping["method"], []).append((float(value), row))
        else:
            apart.append((clipping, row))
    for number, (method, points) in enumerate(by_method.items()):
        points.sort(key=lambda point: point[0])
        aside = ASIDE ** (number - (len(by_method) - 1) / 2)
        means = [row.wer[grammar] for _, row in points]
        _line(axes, [aside * value for value, _ in points], means, label=method, **styles[method])
    axes.set_xscale("log")
    numbers = [value for points in by_method.values() for value, _ in points]
    ticks = {10.0**n: f"{10.0**n:g}" for n in range(-3, 2) if numbers and 10**n <= max(numbers)}
    for clipping, row in apart:
        place = 4.0 * max([*numbers, *ticks], default=1.0)
        ticks[place] = str(clipping.get("threshold", "default"))
        style = {**styles[clipping["method"]], "linestyle": "none", "marker": "*", "markersize": 8}
        _line(axes, [place], [row.wer[grammar]], label=label(clipping), **style)
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=8)
    axes.set_xlabel("threshold")
    axes.set_ylabel(f"WER % ({grammar})")
    _legend(axes)


def rates(axes: Axes, table: Table, grammar: str) -> None:
    """WER against the learning rate, a line a clipping; rings and counts where runs diverged."""
    styles = _styles(clipping_of(row, table) for row in table.rows)
    means: list[float] = []
    for number, (name, style) in enumerate(styles.items()):
        rows = [row for row in table.rows if row.runs and label(clipping_of(row, table)) == name]
        rows.sort(key=lambda row: _rate_of(row, table))
        aside = ASIDE ** (number - (len(styles) - 1) / 2)
        x = [aside * _rate_of(row, table) for row in rows]
        nothing = Mean(WORST, math.nan, math.nan, 0)
        y = [row.wer.get(grammar, nothing) for row in rows]
        means += [mean.mean for row, mean in zip(rows, y, strict=True) if not row.diverged]
        _line(axes, x, y, label=name, **style)
        for place, row, mean in zip(x, rows, y, strict=True):
            if row.diverged:
                axes.plot(place, mean.mean, "o", markersize=11, mfc="none", mec="r", label=LOST)
                text = f"{row.diverged}/{len(row.runs)}"
                axes.annotate(text, (place, mean.mean), (-24, 6), textcoords="offset points")
    if means:
        axes.axhline(USABLE * min(means), color="0.4", linewidth=0.8, linestyle=":", label=BOUND)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(2.0, 1.3 * WORST)
    axes.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    axes.set_title(table.name, fontsize=9)
    axes.set_xlabel("learning rate")
    axes.set_ylabel(f"WER % ({grammar})")
    _legend(axes)


def diverged(axes: Axes, table: Table, where: tuple[str, ...]) -> None:
    """How many runs diverged of how many, by clipping and learning rate.

    Args:
        where: the other values of the grid (`beside`).
    """
    rows = [row for row in table.rows if row.runs and beside(row, table) == where]
    names = list(dict.fromkeys(label(clipping_of(row, table)) for row in rows))
    tried = sorted({_rate_of(row, table) for row in rows})
    shares = np.full((len(names), len(tried)), np.nan)
    for row in rows:
        place = names.index(label(clipping_of(row, table))), tried.index(_rate_of(row, table))
        shares[place] = row.diverged / len(row.runs)
        text = f"{row.diverged}/{len(row.runs)}"
        axes.text(place[1], place[0], text, ha="center", va="center", fontsize=8)
    axes.imshow(shares, cmap="Reds", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(tried)), [f"{rate:g}" for rate in tried], fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("learning rate")
    axes.set_title(", ".join([f"{table.name}: runs that diverged", *where]), fontsize=9)
    axes.grid(visible=False)


def beside(row: Row, table: Table) -> tuple[str, ...]:
    """The values of a row that are neither clipping nor learning rate, as a reader knows them."""
    return tuple(
        label(value)
        for path, value in zip(table.paths, row.values, strict=True)
        if not path.endswith(("clipping", "learning_rate"))
    )


def norms(axes: Axes, table: Table, family: str | None) -> None:
    """Median, 95 % point and largest gradient norm over the epochs, of unclipped trainings.

    Args:
        family: the type of network to be drawn; None where the question tries no networks.
    """
    colors = 0
    for row in table.rows:
        alive = [
            run for run in row.runs if run["epochs"] and all(e["norms"] for e in run["epochs"])
        ]
        if clipping_of(row, table) != NO_CLIPPING or not alive or _family(row) != family:
            continue
        name = ", ".join(
            label(v) if isinstance(v, dict) else f"{p.replace('_', ' ')} {label(v)}"
            for p, v in zip(table.paths, row.values, strict=True)
            if not p.endswith("clipping")
        )
        # (runs, epochs, quantiles)
        values = np.array([[e["norms"] for e in run["epochs"]] for run in alive])
        epochs = np.arange(1, values.shape[1] + 1)
        mean, color = values.mean(axis=0), f"C{colors}"
        colors += 1
        over_seeds = [Mean.of(values[:, epoch, MEDIAN].tolist()) for epoch in range(len(epochs))]
        _line(axes, epochs.tolist(), over_seeds, label=name or "none", color=color, marker="o")
        axes.plot(epochs, mean[:, HIGHEST], ":", color=color)
        axes.fill_between(epochs, mean[:, MEDIAN], mean[:, HIGH], color=color, alpha=0.15)
    axes.set_yscale("log")
    axes.set_title(", ".join([table.name, *([family] if family else [])]), fontsize=9)
    axes.set_xlabel("epoch")
    axes.set_ylabel("norm: median, 95 %, largest", fontsize=8)
    _legend(axes)


def _family(row: Row) -> str | None:
    types = [value["type"] for value in row.values if isinstance(value, dict) and "type" in value]
    return str(types[0]) if types else None


def clipped(axes: Axes, table: Table) -> None:
    """Share of clipped steps over the epochs."""
    styles = _styles(clipping_of(row, table) for row in table.rows)
    for row in table.rows:
        alive = [run for run in row.runs if run["epochs"]]
        if not alive or clipping_of(row, table).get("method") == "none":
            continue
        shares = [
            Mean.of([run["epochs"][epoch]["clipped"] for run in alive])
            for epoch in range(len(alive[0]["epochs"]))
        ]
        name = label(clipping_of(row, table))
        _line(axes, range(1, len(shares) + 1), shares, label=name, **styles[name])
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel("epoch")
    axes.set_ylabel("share of steps clipped")
    _legend(axes)


def cost(axes: Axes, costs: Costs) -> None:
    """CPU time of a step, a bar a method."""
    names = list(costs.milliseconds)
    means = [Mean.of(costs.milliseconds[name]) for name in names]
    errors = np.nan_to_num([[m.mean - m.low for m in means], [m.high - m.mean for m in means]])
    bars = axes.barh(names, [m.mean for m in means], xerr=errors, color="0.75", capsize=2)
    axes.bar_label(bars, [f"{m.mean:.1f}" for m in means], padding=4, fontsize=7)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("CPU ms a step")


def draw(path: Path, panels: Sequence[Panel], columns: int = 2, height: float = 3.0) -> None:
    """Panels in rows, as a PNG; `height` is a row's, in inches."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    size = (5.0 * columns, height * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, panel in zip(grid.flat, panels, strict=False):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        panel(axes)
    with atomic_path(path) as partial_file:
        small = {"compress_level": 9, "optimize": True}
        figure.savefig(
            partial_file, format="png", dpi=80, metadata={"Software": None}, pil_kwargs=small
        )
    plt.close(figure)


def draw_all(
    tables: list[Table], grammar: str, folder: Path, costs: Costs | None = None
) -> list[str]:
    """All figures that there are runs, or costs, for; their file names."""
    by_name = {table.name: table for table in tables if table.found}
    found: dict[str, list[Panel]] = {}
    if "threshold" in by_name:
        table = by_name["threshold"]
        found["threshold.png"] = [
            partial(threshold, table=table, grammar=grammar),
            partial(clipped, table=table),
        ]
    tried = [by_name[name] for name in RATES if name in by_name]
    alone = [table for table in tried if not any(beside(row, table) for row in table.rows)]
    found["rates.png"] = [partial(rates, table=table, grammar=grammar) for table in alone]
    found["diverged.png"] = [
        partial(diverged, table=table, where=where)
        for table in tried
        for where in dict.fromkeys(beside(row, table) for row in table.rows if row.runs)
    ]
    found["norms.png"] = [
        partial(norms, table=table, family=family)
        for table in (by_name[name] for name in ("depth", "noise") if name in by_name)
        for family in dict.fromkeys(_family(row) for row in table.rows)
    ]
    found["cost.png"] = [partial(cost, costs=costs)] if costs is not None else []
    made = {name: panels for name, panels in found.items() if panels}
    for name, panels in made.items():
        draw(folder / name, panels, height=2.2 if name == "diverged.png" else 3.0)
    return list(made)
