"""The page of a study: an answer to every question, its table and figures; all from stored runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.io.atomic import write_text
from pipeline.study.cost import Costs, cost_lines
from pipeline.study.design import Study
from pipeline.study.figures import draw_all
from pipeline.study.results import QUANTILES, Runs
from pipeline.study.tables import (
    SIGNIFICANT,
    Difference,
    Mean,
    Row,
    Table,
    clear_of_chance,
    holm,
    in_order,
    label,
    tabulate,
)

FIGURES_OF = {
    "threshold": ("threshold.png",),
    "rate": ("rates.png",),
    "sgd_rate": ("rates.png",),
    "depth": ("norms.png",),
    "noise": ("norms.png",),
}


def _number(mean: Mean, digits: int = 2) -> str:
    if not mean.count or math.isnan(mean.mean):
        return "–"
    if math.isnan(mean.low):
        return f"{mean.mean:.{digits}f}"
    return f"{mean.mean:.{digits}f} ± {mean.high - mean.mean:.{digits}f}"


def _difference(difference: Difference | None, digits: int = 2) -> str:
    if difference is None or not difference.mean.count:
        return "–"
    mean = difference.mean
    interval = "" if math.isnan(mean.low) else f" [{mean.low:+.{digits}f}, {mean.high:+.{digits}f}]"
    return f"{mean.mean:+.{digits}f}{interval}, p {difference.p_value:.3f}"


def _name(table: Table, row: Row) -> str:
    return ", ".join(label(value) for value in row.values)


def _grammars(table: Table, strong_to_weak: Sequence[str]) -> list[str]:
    """Those that the table's trainings were decoded with, from strong to weak."""
    return in_order((g for row in table.rows for g in row.wer), strong_to_weak)


def _weakest(row: Row, grammars: Sequence[str]) -> str | None:
    """The weakest grammar that the row's trainings were decoded with: inputs have their own."""
    own = [grammar for grammar in grammars if grammar in row.wer]
    return own[-1] if own else None


def _compared(table: Table, grammars: Sequence[str]) -> list[tuple[Row, Difference]]:
    """Rows that were compared with the reference, with the weakest of some grammars."""
    found: list[tuple[Row, Difference]] = []
    for row in table.rows:
        grammar = _weakest(row, grammars)
        if grammar is not None and grammar in row.against:
            found.append((row, row.against[grammar]))
    return found


def _table(table: Table, strong_to_weak: Sequence[str]) -> list[str]:
    """Markdown."""
    grammars = _grammars(table, strong_to_weak)
    keys = [path.rpartition(".")[2].replace("_", " ") for path in table.paths]
    has_int8 = any(row.int8 for row in table.rows)
    weakest = {_weakest(row, grammars) for row in table.rows} - {None}
    main = str(*weakest) if len(weakest) == 1 else "(last grammar)"
    head = [
        *keys,
        "runs",
        "diverged",
        *(f"WER % {grammar}" for grammar in grammars),
        f"WER {main} − reference, paired",
        "held-out loss",
        "loss − reference",
        "steps clipped",
        "last epoch's norms: median, 99 %",
        *([f"8-bit − float, WER {main}"] if has_int8 else []),
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in table.rows:
        if not row.runs:
            continue
        own = _weakest(row, grammars) or ""
        cells = [
            *(label(value) for value in row.values),
            str(len(row.runs)),
            str(row.diverged),
            *(_number(row.wer[g]) if g in row.wer else "–" for g in grammars),
            _difference(row.against.get(own)),
            _number(row.held_out_loss, 4),
            _difference(row.loss_against, 4),
            f"{100 * row.clipped.mean:.0f} %" if row.clipped.count else "–",
            _norms(row),
            *([_difference(row.int8.get(own))] if has_int8 else []),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _norms(row: Row) -> str:
    """Median over runs of the last epoch's median norm, and how much larger its 99 % point is."""
    last = [run["epochs"][-1]["norms"] for run in row.runs if run["epochs"]]
    known = np.array([norms for norms in last if norms is not None], float)
    if not len(known):
        return "–"
    median, high = known[:, QUANTILES.index(0.5)], known[:, QUANTILES.index(0.99)]
    return f"{np.median(median):.3g}, ×{np.median(high / median):.1f}"


def _answer(table: Table, grammars: Sequence[str]) -> str:
    """Two sentences from the figures: what differs beyond chance, and by how much."""
    if not table.found:
        return "Not run."
    rows = _compared(table, grammars)
    counts = clear_of_chance([difference.p_value for _, difference in rows])
    clear = [
        (row, difference.mean.mean)
        for (row, difference), counted in zip(rows, counts, strict=True)
        if counted
    ]
    tests = f"{len(rows)} paired comparisons, Holm-adjusted at {SIGNIFICANT:g}"
    if not rows:
        first = "There are too few runs to compare."
    elif not clear:
        largest, difference = max(rows, key=lambda pair: abs(pair[1].mean.mean))
        size = difference.mean.mean
        first = (
            f"No difference of WER was found that chance does not explain ({tests}); the largest "
            f"mean difference is {size:+.2f} ({_name(table, largest)})"
            f"{_before_adjusting([found for _, found in rows])}, and differences up to the ends of "
            "the intervals are not ruled out."
        )
    else:
        better = [(row, gain) for row, gain in clear if gain < 0]
        worse = [(row, gain) for row, gain in clear if gain > 0]
        parts = []
        for kind, found in (("lower", better), ("higher", worse)):
            if found:
                found.sort(key=lambda pair: -abs(pair[1]))
                named = "; ".join(f"{_name(table, row)}: {gain:+.2f}" for row, gain in found[:4])
                more = f" and {len(found) - 4} more" if len(found) > 4 else ""
                parts.append(f"{kind} WER in {len(found)} of {len(rows)} ({named}{more})")
        first = f"Yes, beyond chance ({tests}): {', and '.join(parts)}."
    return f"{first} {_second(table)}"


def _before_adjusting(differences: list[Difference]) -> str:
    """How many differences would count if only one had been asked for."""
    single = [difference for difference in differences if difference.p_value < SIGNIFICANT]
    if not single:
        return ""
    higher = sum(difference.mean.mean > 0 for difference in single)
    return (
        f"; taken alone, {len(single)} of them have p below {SIGNIFICANT:g} ({higher} with higher "
        f"WER, {len(single) - higher} with lower), too many questions for so few seeds"
    )


def _second(table: Table) -> str:
    """The second sentence: losses, divergence."""
    diverged = Counter[str]()
    for row in table.rows:
        for value in (v for v in row.values if isinstance(v, dict) and "method" in v):
            diverged[label(value)] += row.diverged
    lost = [f"{name} {count}" for name, count in diverged.items() if count]
    losses = [row for row in table.rows if row.loss_against is not None]
    adjusted = holm([row.loss_against.p_value for row in losses if row.loss_against])
    clear = [
        row.loss_against.mean.mean
        for row, p in zip(losses, adjusted, strict=True)
        if p < SIGNIFICANT and row.loss_against is not None
    ]
    lower, higher = sum(gain < 0 for gain in clear), sum(gain > 0 for gain in clear)
    said = f"Held-out cross-entropy is clearly lower in {lower} and higher in {higher} of them; "
    return said + (f"trainings that diverged: {', '.join(lost)}." if lost else "none diverged.")


def write_page(
    study: Study, runs: Runs, folder: Path, command: str, costs: Costs | None = None
) -> None:
    """Write README.md and the figures.

    Args:
        costs: what the steps of each method took.
        runs: stored results, each with the machine that made it.
        folder: the recipe's.
        command: that made the page, for its reader.
    """
    tables = tabulate(study, runs)
    main = _grammars(tables[0], study.grammars)[-1]
    figures = draw_all(tables, main, folder)
    seconds = sum(run.get("train_cpu_seconds", 0.0) for run in runs.values())
    planned = len({cell.run_id for name in study.questions for cell in study.cells(name)})
    lines = [
        f"# {study.title}",
        f"Written by `{command}` from {len(runs)} stored trainings of {planned} planned "
        "(`runs.jsonl.gz`); edit study.yaml, not this page.",
        "",
        f"Every training is a small network (base: {label(study.base['network']['model'])}, "
        f"hidden {study.base['network']['model']['hidden_dim']}) on the alignment of a GMM rung, "
        "decoded by kaldi-decoder at LM weight 12 and penalty 0, fixed before any result. Runs are "
        "paired by seed; ± and brackets are Student's 95 % intervals over seeds, p is that of "
        "Student's test of the pairs, adjusted by Holm within a question where an answer is given. "
        "Test sets are small (500 words for FSDD), and all seeds share them: intervals tell of "
        "seeds, not of other speakers. A training diverged if it ended with fewer held-out "
        "frames right than naming the most frequent pdf-id would give, or without a finite loss. "
        "Norms are those before clipping; methods that act inside the graph (time_step, "
        "truncation, sequence_filter) show what they leave.",
        "",
        f"Made on {'; '.join(sorted({str(run['machine']) for run in runs.values()}))}; "
        f"{seconds:.0f} CPU seconds of training in all.",
        "",
        "    hybrid study clipping_study --plan     # how many trainings, how long",
        "    hybrid study clipping_study --small    # the short form",
        "    hybrid study clipping_study            # all that is missing, then this page",
        "",
    ]
    shown: set[str] = set()
    for table in tables:
        grammars = _grammars(table, study.grammars)
        lines += [f"## {table.question.asks}", _answer(table, grammars), ""]
        lines += [f"`{table.name}`: {table.found} of {table.planned} runs.", ""]
        if table.found:
            lines += [*_table(table, study.grammars), ""]
        for figure in FIGURES_OF.get(table.name, ()):
            if figure in figures and figure not in shown:
                lines += [f"![{table.name}]({figure})", ""]
                shown.add(figure)
    lines += cost_lines(costs) if costs is not None else []
    lines += _grammar_question(tables, study.grammars)
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def _grammar_question(tables: list[Table], strong_to_weak: Sequence[str]) -> list[str]:
    """Does an effect survive a strong grammar? All comparisons that were made with two or more."""
    lines: list[str] = []
    pairs = clear_weak = clear_both = clear_strong = 0
    for table in tables:
        grammars = _grammars(table, strong_to_weak)
        rows = [row for row in table.rows if len(row.against) > 1]
        if len(grammars) < 2 or not rows:
            continue
        weak, strong = (
            [row.against[[g for g in grammars if g in row.against][end]] for row in rows]
            for end in (-1, 0)
        )
        is_weak, is_strong = (
            clear_of_chance([difference.p_value for difference in found])
            for found in (weak, strong)
        )
        both = sum(a and b for a, b in zip(is_weak, is_strong, strict=True))
        pairs += len(rows)
        clear_weak, clear_strong = clear_weak + sum(is_weak), clear_strong + sum(is_strong)
        clear_both += both
        sizes = [np.mean([abs(found.mean.mean) for found in one]) for one in (weak, strong)]
        lines.append(
            f"| {table.name} | {', '.join(reversed(grammars))} | {len(rows)} | {sum(is_weak)} "
            f"| {sum(is_strong)} | {both} | {sizes[0]:.2f} | {sizes[1]:.2f} |"
        )
    if not lines:
        return []
    return [
        "## Does an effect survive a strong grammar?",
        f"Of {pairs} comparisons that were decoded with a weak and a strong grammar, {clear_weak} "
        f"differ beyond chance with the weak one and {clear_strong} with the strong one, "
        f"{clear_both} with both. Mean sizes of the differences are given beside each other; "
        "each count is Holm-adjusted within its question.",
        "",
        "| question | grammars, weak to strong | comparisons | clear, weak | clear, strong "
        "| clear, both | mean size, weak | mean size, strong |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]
