"""Tables of a study: means with intervals over seeds, and differences paired by seed."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy import stats

from pipeline.study.design import Question, Study
from pipeline.study.results import Runs
from pipeline.study.sources import SOURCES

Key = TypeVar("Key", bound=Hashable)
LEVEL = 0.95
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Mean:
    """Mean of a quantity over seeds, with Student's interval."""

    mean: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """NaN where there is no value, no interval with only one."""
        array = np.asarray(values, float)
        if not len(array):
            return cls(math.nan, math.nan, math.nan, 0)
        mean = float(array.mean())
        if len(array) < 2:
            return cls(mean, math.nan, math.nan, 1)
        half = float(stats.sem(array) * stats.t.ppf((1 + LEVEL) / 2, len(array) - 1))
        return cls(mean, mean - half, mean + half, len(array))


@dataclass(frozen=True)
class Difference:
    """Of pairs: mean of (this - other) with Student's interval and test."""

    mean: Mean
    p_value: float


def paired(values: Sequence[float], others: Sequence[float]) -> Difference:
    """Compare in pairs: Student's test of the differences.

    With five seeds a test of signs could never fall below 0.06, however large the difference; this
    one takes differences over seeds to be near normal.
    """
    differences = np.asarray(values, float) - np.asarray(others, float)
    mean = Mean.of(differences.tolist())
    if len(differences) < 2 or not differences.any():
        return Difference(mean, 1.0)
    if np.ptp(differences) == 0:
        return Difference(mean, 0.0)
    return Difference(mean, float(stats.ttest_1samp(differences, 0.0).pvalue))


def paired_by_seed(one: Mapping[Key, float], other: Mapping[Key, float]) -> Difference:
    """Compare values by the seeds, or networks and seeds, that both have."""
    seeds = [seed for seed in one if seed in other]
    return paired([one[seed] for seed in seeds], [other[seed] for seed in seeds])


@dataclass(frozen=True)
class Row:
    """One point of a question's grid."""

    values: tuple[Any, ...]  # along the grid's paths
    runs: list[dict[str, Any]]  # by seed
    diverged: int
    wer: dict[str, Mean]  # by grammar, of the runs that have one
    held_out_loss: Mean  # of the runs that did not diverge
    clipped: Mean  # share of steps
    against: dict[str, Difference]  # by grammar; empty for the reference itself
    loss_against: Difference | None
    int8: dict[str, Difference]  # WER with 8-bit weights minus that with floats


@dataclass(frozen=True)
class Table:
    """A question with what was measured."""

    name: str
    question: Question
    paths: tuple[str, ...]
    rows: list[Row]
    planned: int
    found: int


def is_synthetic(value: Any) -> bool:
    """Whether a grid's value names an input whose speech nobody spoke."""
    return isinstance(value, str) and value in SOURCES and SOURCES[value].synthetic


def label(value: Any) -> str:
    """A grid's value as a reader knows it; an input of synthetic speech says so."""
    if value is None:
        return "none"
    if is_synthetic(value):
        return f"{value} (synthetic speech)"
    if not isinstance(value, dict):
        return f"{value:g}" if isinstance(value, float) else str(value)
    shown = dict(value)
    first = str(shown.pop("method", shown.pop("type", "")))
    short = {"num_layers": "layers", "chunk_frames": "chunk", "loss_tau": "loss clipping"}
    hidden = ("hidden_dim", "target_delay", "right_context")
    parts = [
        f"{v:g}" if k == "threshold" and isinstance(v, float | int) else f"{short.get(k, k)} {v}"
        for k, v in shown.items()
        if k not in hidden
    ]
    return " ".join([first, *(part.replace("threshold ", "") for part in parts)])


def tabulate(study: Study, runs: Runs) -> list[Table]:
    """A table for each question, from the runs that there are."""
    return [_table(study, name, runs) for name in study.questions]


def in_order(grammars: Iterable[str], strong_to_weak: Sequence[str]) -> list[str]:
    """Grammars from strong to weak; the last is the one that differences are told of."""
    known = set(grammars)
    first = [grammar for grammar in strong_to_weak if grammar in known]
    return [*first, *sorted(known.difference(first))]


def searched_grammars(table: Table, strong_to_weak: Sequence[str]) -> list[str]:
    """Those that the table's trainings were decoded with, from strong to weak."""
    return in_order((g for row in table.rows for g in row.wer), strong_to_weak)


def weakest(row: Row, grammars: Sequence[str]) -> str | None:
    """The weakest grammar that the row's trainings were decoded with: inputs have their own."""
    own = [grammar for grammar in grammars if grammar in row.wer]
    return own[-1] if own else None


def row_name(row: Row) -> str:
    """Its values along the grid."""
    return ", ".join(label(value) for value in row.values)


def p_text(p_value: float) -> str:
    """Three decimals, and no zero."""
    return f"{p_value:.3f}" if p_value >= 0.0005 else "<0.001"


def clear_of_chance(p_values: Sequence[float]) -> list[bool]:
    """Which comparisons of one question count, after Holm's adjustment."""
    return [p < SIGNIFICANT for p in holm(p_values)]


def _wers(results: Iterable[dict[str, Any]], grammar: str, key: str = "wer") -> list[float]:
    return [r[key][grammar]["wer"] for r in results]


def _table(study: Study, name: str, runs: Runs) -> Table:
    question = study.questions[name]
    paths = tuple(question.grid)
    points: dict[str, tuple[tuple[Any, ...], list[dict[str, Any]]]] = {}
    planned = 0
    for values, cells in study.points(name):
        planned += len(cells)
        results = [runs[cell.run_id] for cell in cells if cell.run_id in runs]
        points[json.dumps(values, sort_keys=True)] = values, results
    rows = [_row(question, paths, values, found, points) for values, found in points.values()]
    return Table(name, question, paths, rows, planned, sum(len(row.runs) for row in rows))


def _reference(
    question: Question,
    paths: tuple[str, ...],
    values: tuple[Any, ...],
    points: dict[str, tuple[tuple[Any, ...], list[dict[str, Any]]]],
) -> list[dict[str, Any]]:
    """Runs of the point that a point is paired with; none for the reference itself."""
    wanted = tuple(question.against.get(p, v) for p, v in zip(paths, values, strict=True))
    if not question.against or wanted == values:
        return []
    return points.get(json.dumps(wanted, sort_keys=True), ((), []))[1]


def _row(
    question: Question,
    paths: tuple[str, ...],
    values: tuple[Any, ...],
    found: list[dict[str, Any]],
    points: dict[str, tuple[tuple[Any, ...], list[dict[str, Any]]]],
) -> Row:
    scored = [r for r in found if r["wer"] is not None]
    alive = [r for r in found if not r["diverged"]]
    grammars = list(scored[0]["wer"]) if scored else []
    others = {r["cell"]["seed"]: r for r in _reference(question, paths, values, points)}
    pairs = [(r, others[r["cell"]["seed"]]) for r in found if r["cell"]["seed"] in others]
    both = [(a, b) for a, b in pairs if a["wer"] is not None and b["wer"] is not None]
    living = [(a, b) for a, b in pairs if not a["diverged"] and not b["diverged"]]
    in_int8 = [r for r in scored if "wer_int8" in r]
    return Row(
        values,
        found,
        sum(r["diverged"] for r in found),
        {g: Mean.of(_wers(scored, g)) for g in grammars},
        Mean.of([r["epochs"][-1]["held_out_loss"] for r in alive]),
        Mean.of([float(np.mean([e["clipped"] for e in r["epochs"]])) for r in scored]),
        {
            g: paired(_wers((a for a, _ in both), g), _wers((b for _, b in both), g))
            for g in grammars
            if both
        },
        paired(
            [a["epochs"][-1]["held_out_loss"] for a, _ in living],
            [b["epochs"][-1]["held_out_loss"] for _, b in living],
        )
        if living
        else None,
        {g: paired(_wers(in_int8, g, "wer_int8"), _wers(in_int8, g)) for g in grammars if in_int8},
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjustment for asking several times: p-values in the order given."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return [float(value) for value in adjusted]
