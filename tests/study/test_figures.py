"""What the figures of a study show: the tables' intervals, diverged runs, and nothing covered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from pipeline.study import figures
from pipeline.study.cost import Costs
from pipeline.study.design import load_study
from pipeline.study.results import QUANTILES, read_stored
from pipeline.study.tables import Mean, Question, Row, Table, tabulate

RECIPE = Path(__file__).parents[2] / "recipes" / "clipping_study"
RATE = "network.training.learning_rate"
CLIPPING = "network.clipping"


def row(values: tuple[Any, ...], wers: list[float], diverged: int = 0) -> Row:
    epoch = {"norms": [1.0 + q for q in QUANTILES], "clipped": 0.5, "held_out_loss": 1.0}
    runs = [{"epochs": [epoch, epoch], "diverged": i < diverged} for i in range(len(wers))]
    none = Mean.of([])
    return Row(values, runs, diverged, {"g": Mean.of(wers)}, none, none, {}, None, {})


def table(paths: tuple[str, ...], rows: list[Row], name: str = "q") -> Table:
    return Table(name, Question(asks="?", grid={}), paths, rows, len(rows), len(rows))


@pytest.fixture
def drawn() -> Any:
    def draw(panel: Callable[..., None], *args: Any) -> Axes:
        figure, axes = plt.subplots(layout="constrained")
        panel(axes, *args)
        figure.canvas.draw()
        return axes

    yield draw
    plt.close("all")


def intervals(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Label -> ends of the intervals, along the line."""
    found = {}
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            (bars,) = container[2]
            ends = [(part[0, 1], part[1, 1]) for part in bars.get_segments()]
            found[str(container.get_label())] = ends
    return found


def test_rates_have_the_intervals_of_the_table_and_rings_where_runs_diverged(drawn: Any) -> None:
    none, norm = {"method": "none"}, {"method": "norm", "threshold": 1.0}
    rows = [
        row((0.1, none), [8.0, 10.0]),
        row((1.0, none), [50.0, 90.0], diverged=1),
        row((0.1, norm), [6.0, 7.0]),
    ]
    axes = drawn(figures.rates, table((RATE, CLIPPING), rows), "g")
    expected = [(each.wer["g"].low, each.wer["g"].high) for each in rows]
    shown = intervals(axes)
    np.testing.assert_allclose(shown["none"], expected[:2])
    np.testing.assert_allclose(shown["norm 1"], expected[2:])
    rings = [line for line in axes.lines if line.get_label() == figures.LOST]
    assert [line.get_ydata()[0] for line in rings] == [70.0]
    assert [text.get_text() for text in axes.texts] == ["1/2"]
    (bound,) = [line for line in axes.lines if line.get_label() == figures.BOUND]
    assert bound.get_ydata()[0] == 1.5 * 6.5


def test_a_threshold_without_a_number_is_drawn_apart(drawn: Any) -> None:
    rows = [
        row(({"method": "none"},), [8.0, 10.0]),
        row(({"method": "value", "threshold": "1/sqrt(d)"},), [5.0, 7.0]),
        row(({"method": "value", "threshold": 0.1},), [6.0, 7.0]),
        row(({"method": "norm", "threshold": 5.0},), [6.0, 9.0]),
    ]
    axes = drawn(figures.threshold, table((CLIPPING,), rows), "g")
    assert set(intervals(axes)) == {"value", "norm", "value 1/sqrt(d)"}
    (own,) = [c for c in axes.containers if c.get_label() == "value 1/sqrt(d)"]
    assert own[0].get_xdata()[0] > 5.0
    assert "1/sqrt(d)" in [text.get_text() for text in axes.get_xticklabels()]


def test_diverged_runs_are_counted_by_method_and_rate(drawn: Any) -> None:
    none, norm = {"method": "none"}, {"method": "norm", "threshold": 1.0}
    rows = [
        row(("a", rate, clipping), [1.0] * 5, diverged)
        for rate, clipping, diverged in ((0.1, none, 0), (1.0, none, 3), (0.1, norm, 1))
    ]
    rows.append(row(("b", 1.0, norm), [1.0] * 5, 5))
    asked = table(("inputs", RATE, CLIPPING), rows)
    axes = drawn(figures.diverged, asked, ("a",))
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "0/5", (1, 0): "3/5", (0, 1): "1/5"}
    shares = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shares, [[0.0, 0.6], [0.2, np.nan]])


def test_the_cost_of_a_step_is_a_bar_a_method(drawn: Any) -> None:
    axes = drawn(figures.cost, Costs(9, {"none": [10.0, 12.0], "slow": [30.0, 32.0]}))
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [11.0, 31.0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["none", "slow"]


def test_no_line_of_the_study_is_hidden_or_like_another(tmp_path: Path, drawn: Any) -> None:
    tables = {
        found.name: found
        for found in tabulate(
            load_study(RECIPE / "study.yaml"), read_stored(RECIPE / "runs.jsonl.gz")
        )
    }
    panels: list[tuple[Any, ...]] = [
        (figures.threshold, tables["threshold"], "loop"),
        (figures.clipped, tables["threshold"]),
        (figures.rates, tables["rate"], "loop"),
        (figures.rates, tables["sgd_rate"], "loop"),
        *((figures.norms, tables["depth"], kind) for kind in ("drnn", "lstm", "blstm")),
        (figures.norms, tables["noise"], None),
    ]
    for panel, *args in panels:
        axes = drawn(panel, *args)
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_window_extent().x0 >= axes.get_window_extent().x1
        lines = [c[0] for c in axes.containers if isinstance(c, ErrorbarContainer)]
        looks = [(str(x.get_color()), x.get_linestyle(), str(x.get_marker())) for x in lines]
        assert len(set(looks)) == len(looks) > 2
    assert len(intervals(drawn(figures.clipped, tables["threshold"]))) == 12
    for picture in RECIPE.glob("*.png"):
        assert picture.stat().st_size < 150_000
