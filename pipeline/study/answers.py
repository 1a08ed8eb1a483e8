"""The answer to a question of a study, in sentences that are made from its table alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.study.results import QUANTILES
from pipeline.study.tables import (
    SIGNIFICANT,
    Difference,
    Row,
    Table,
    clear_of_chance,
    label,
    p_text,
    paired_by_seed,
    row_name,
    weakest,
)

NUM_NAMED = 4  # rows that an answer names; the rest is counted
USABLE = 1.5  # a learning rate is usable up to so many times the lowest WER of its input
NOTHING = 100.0  # WER of no words at all, in per cent: a bound above it excludes nothing
METHOD = "method"


def answer(table: Table, grammars: Sequence[str]) -> str:
    """From the figures: what differs beyond chance, and by how much.

    Args:
        grammars: those of the table, from strong to weak; the weakest of a row is told of.
    """
    if not table.found:
        return "Not run."
    if table.question.answer == "differences":
        return f"{_differences(table, grammars)} {_losses(table)}"
    return _KINDS[table.question.answer](table, grammars)


def _differences(table: Table, grammars: Sequence[str]) -> str:
    """Rows against the row that each is paired with."""
    rows = [
        (row_name(row), row.against[grammar])
        for row in table.rows
        if (grammar := weakest(row, grammars)) is not None and grammar in row.against
    ]
    return _told(rows, "difference of WER")


def _told(differences: Sequence[tuple[str, Difference]], kind: str, what: str = "the WER") -> str:
    """One sentence about named differences, Holm-adjusted together.

    Args:
        kind: what the differences are called.
        what: what is lower or higher where one is beyond chance.
    """
    if not differences:
        return "There are too few runs to compare."
    tests = f"{len(differences)} paired comparisons, Holm-adjusted at {SIGNIFICANT:g}"
    counts = clear_of_chance([difference.p_value for _, difference in differences])
    clear = [pair for pair, counted in zip(differences, counts, strict=True) if counted]
    if not clear:
        name, largest = max(differences, key=lambda pair: abs(pair[1].mean.mean))
        return (
            f"No {kind} was found that chance does not explain ({tests}); the largest mean is "
            f"{largest.mean.mean:+.2f} ({name}){_before_adjusting([d for _, d in differences])}, "
            "and differences up to the ends of the intervals are not ruled out."
        )
    parts = []
    for direction, sign in (("lower", -1), ("higher", 1)):
        found = [(name, d.mean.mean) for name, d in clear if sign * d.mean.mean > 0]
        if found:
            found.sort(key=lambda pair: -abs(pair[1]))
            named = "; ".join(f"{name}: {gain:+.2f}" for name, gain in found[:NUM_NAMED])
            more = f" and {len(found) - NUM_NAMED} more" if len(found) > NUM_NAMED else ""
            parts.append(f"{direction} in {len(found)} of {len(differences)} ({named}{more})")
    rest = len(differences) - len(clear)
    none = f"; in the other {rest} chance explains the {kind}" if rest else ""
    return f"Beyond chance ({tests}) {what} is {' and '.join(parts)}{none}."


def _before_adjusting(differences: list[Difference]) -> str:
    """How many differences would count if only one had been asked for."""
    single = [difference for difference in differences if difference.p_value < SIGNIFICANT]
    if not single:
        return ""
    higher = sum(difference.mean.mean > 0 for difference in single)
    return (
        f"; taken alone, p is below {SIGNIFICANT:g} in {len(single)} of them ({higher} with higher "
        f"WER, {len(single) - higher} with lower), too many questions for so few seeds"
    )


def _losses(table: Table) -> str:
    """A sentence on held-out losses and divergence."""
    diverged = Counter[str]()
    for row in table.rows:
        for value in row.values:
            if isinstance(value, dict) and METHOD in value:
                diverged[label(value)] += row.diverged
    lost = [f"{name} {count}" for name, count in diverged.items() if count]
    losses = [row.loss_against for row in table.rows if row.loss_against is not None]
    counts = clear_of_chance([loss.p_value for loss in losses])
    clear = [loss.mean.mean for loss, counted in zip(losses, counts, strict=True) if counted]
    lower, higher = sum(gain < 0 for gain in clear), sum(gain > 0 for gain in clear)
    said = f"Held-out cross-entropy is clearly lower in {lower} and higher in {higher} of them; "
    return said + (f"trainings that diverged: {', '.join(lost)}." if lost else "none diverged.")


def _rates(table: Table, grammars: Sequence[str]) -> str:
    """Which learning rates are usable with each method, and the differences at equal rates.

    Where even the lowest WER is so high that no result could be excluded, that is said instead.
    """
    place = next(i for i, path in enumerate(table.paths) if path.endswith("learning_rate"))
    groups: dict[str, dict[str, list[tuple[float, Row]]]] = defaultdict(lambda: defaultdict(list))
    for row in table.rows:
        others = [value for i, value in enumerate(row.values) if i != place]
        where = ", ".join(label(value) for value in others[:-1])
        groups[where][label(others[-1])].append((float(row.values[place]), row))
    said = []
    for where, methods in groups.items():
        wers = {
            (name, rate): row.wer[grammar].mean
            for name, rows in methods.items()
            for rate, row in rows
            if not row.diverged and (grammar := weakest(row, grammars)) is not None
        }
        lowest = min(wers.values(), default=np.nan)
        most = USABLE * lowest
        begin = where + ": " if where else ""
        if most >= NOTHING:
            said.append(
                f"{begin}the bound excludes nothing and no range is told, for {USABLE:g} times the "
                f"lowest ({lowest:.1f} %) is {most:.1f} %, and a network that learned nothing has "
                f"about {NOTHING:g} %"
            )
            continue
        ranges = []
        for name, rows in methods.items():
            rates = [f"{rate:g}" for rate, _ in rows if wers.get((name, rate), np.inf) <= most]
            ranges.append(f"{name} {', '.join(rates) or 'no rate'}")
        said.append(f"{begin}{'; '.join(ranges)}")
    return (
        f"Usable rates (no training diverged, mean WER at most {USABLE:g} times the lowest): "
        f"{'. '.join(said)}. At equal rates: {_differences(table, grammars)}"
    )


def _mean_by_seed(rows: Iterable[Row], grammars: Sequence[str]) -> dict[int, float]:
    """Seed -> mean WER of several rows, of the seeds that all of them have."""
    found = [_by_seed(row, grammars) for row in rows]
    seeds = set.intersection(*(set(each) for each in found)) if found else set()
    return {seed: float(np.mean([each[seed] for each in found])) for seed in sorted(seeds)}


def _by_seed(row: Row, grammars: Sequence[str], key: str = "wer") -> dict[int, float]:
    grammar = weakest(row, grammars)
    return {
        run["cell"]["seed"]: run[key][grammar]["wer"]
        for run in row.runs
        if run.get(key) is not None and grammar in run[key]
    }


def _families(table: Table, grammars: Sequence[str]) -> str:
    """Methods against each other, each by its mean over all its thresholds: none is picked."""
    families: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows:
        families[row.values[0][METHOD]].append(row)
    means = {name: _mean_by_seed(rows, grammars) for name, rows in families.items()}
    names = list(means)
    pairs = [
        (f"{one} − {other}", paired_by_seed(means[one], means[other]))
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    ]
    shown = ", ".join(
        f"{name} {np.mean(list(values.values())):.2f}" for name, values in means.items()
    )
    return (
        f"Mean WER over each one's thresholds: {shown}. {_told(pairs, 'difference of these means')}"
    )


def _levels(table: Table, grammars: Sequence[str]) -> str:
    """Is a method's difference another one at another value of the grid's first path?"""
    levels: dict[str, dict[str, dict[int, float]]] = defaultdict(dict)
    for row in table.rows:
        levels[label(row.values[0])][label(row.values[-1])] = _by_seed(row, grammars)
    reference = label(table.question.against[table.paths[-1]])
    effects: dict[str, dict[str, dict[int, float]]] = {
        level: {
            method: {s: w - found[reference][s] for s, w in wers.items() if s in found[reference]}
            for method, wers in found.items()
            if method != reference
        }
        for level, found in levels.items()
    }
    first, *others = effects
    pairs = [
        (
            f"{method}, {level} − {first}",
            paired_by_seed(effects[level][method], effects[first][method]),
        )
        for level in others
        for method in effects[first]
    ]
    effect = f"the difference of WER from {reference}"
    changes = _told(pairs, f"change of what a method does against {reference}", effect)
    return f"{changes} Against {reference} itself: {_differences(table, grammars)}"


def _int8(table: Table, grammars: Sequence[str]) -> str:
    """What 8-bit weights cost each method, and whether more or less than the reference."""
    costs = {}
    for row in table.rows:
        floats = _by_seed(row, grammars)
        costs[row_name(row)] = {
            seed: wer - floats[seed] for seed, wer in _by_seed(row, grammars, "wer_int8").items()
        }
    reference = label(table.question.against[table.paths[-1]])
    shown = ", ".join(f"{name} {np.mean(list(own.values())):+.2f}" for name, own in costs.items())
    pairs = [
        (name, paired_by_seed(own, costs[reference]))
        for name, own in costs.items()
        if name != reference
    ]
    return (
        f"WER with 8-bit weights minus that with floats: {shown}. "
        f"{_told(pairs, f'difference of that from {reference}', 'that')}"
    )


def _tails(table: Table, grammars: Sequence[str]) -> str:
    """How far the 99 % point of the last epoch's norms lies above the median, without clipping."""
    reference = label(table.question.against[table.paths[-1]])
    ratios: dict[str, dict[int, float]] = {}
    for row in table.rows:
        if label(row.values[-1]) == reference:
            ratios[label(row.values[0])] = _tail_by_seed(row.runs)
    first, *_, last = ratios
    shown = ", ".join(
        f"×{np.mean(list(own.values())):.2f} at {name}" for name, own in ratios.items()
    )
    change = paired_by_seed(ratios[last], ratios[first])
    heavier = change.mean.mean > 0 and change.p_value < SIGNIFICANT
    return (
        f"Gradients {'become' if heavier else 'do not become'} heavier-tailed: the 99 % point of "
        f"the last epoch's norms with {reference} is {shown} of the median (from {first} to {last} "
        f"{change.mean.mean:+.2f} [{change.mean.low:+.2f}, {change.mean.high:+.2f}], "
        f"p {p_text(change.p_value)}). {_differences(table, grammars)}"
    )


def _tail_by_seed(runs: Iterable[dict[str, Any]]) -> dict[int, float]:
    median, high = QUANTILES.index(0.5), QUANTILES.index(0.99)
    last = {run["cell"]["seed"]: run["epochs"][-1]["norms"] for run in runs if run["epochs"]}
    return {seed: norms[high] / norms[median] for seed, norms in last.items() if norms is not None}


_KINDS: dict[str, Callable[[Table, Sequence[str]], str]] = {
    "rates": _rates,
    "families": _families,
    "levels": _levels,
    "int8": _int8,
    "tails": _tails,
}
