"""The page of a study: an answer to every question, its table and figures; all from stored runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.io.atomic import write_text
from pipeline.study.answers import answer
from pipeline.study.cost import Costs, cost_lines
from pipeline.study.design import Study
from pipeline.study.figures import draw_all
from pipeline.study.results import QUANTILES, Runs
from pipeline.study.tables import (
    Difference,
    Mean,
    Row,
    Table,
    clear_of_chance,
    is_synthetic,
    label,
    p_text,
    searched_grammars,
    tabulate,
    weakest,
)

FIGURES_OF = {
    "threshold": ("threshold.png",),
    "rate": ("rates.png",),
    "sgd_rate": ("rates.png",),
    "depth": ("norms.png",),
    "noise": ("norms.png",),
    "corpus_rate": ("diverged.png",),
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
    return f"{mean.mean:+.{digits}f}{interval}, p {p_text(difference.p_value)}"


def _table(table: Table, strong_to_weak: Sequence[str]) -> list[str]:
    """Markdown."""
    grammars = searched_grammars(table, strong_to_weak)
    keys = [path.rpartition(".")[2].replace("_", " ") for path in table.paths]
    has_int8 = any(row.int8 for row in table.rows)
    told = {weakest(row, grammars) for row in table.rows} - {None}
    main = str(*told) if len(told) == 1 else "(last grammar)"
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
        own = weakest(row, grammars) or ""
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


def _with_skips(runs: Runs) -> int:
    return sum(any(epoch["skipped"] for epoch in run["epochs"]) for run in runs.values())


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
    main = searched_grammars(tables[0], study.grammars)[-1]
    figures = draw_all(tables, main, folder, costs)
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
        "truncation, sequence_filter) show what they leave. Held-out losses are of the trainings "
        "that did not diverge, WER of all. With every method a step whose norm is not finite is "
        f"skipped, which happened in {_with_skips(runs)} trainings; `normalised` scales every "
        "step, which is not counted as clipped.",
        "",
        f"Made on {'; '.join(sorted({str(run['machine']) for run in runs.values()}))}; "
        f"{seconds:.0f} CPU seconds of training in all.",
        "",
        "    hybrid study clipping_study --plan     # how many trainings, how long",
        "    hybrid study clipping_study --small    # the short form",
        "    hybrid study clipping_study            # all that is missing, then this page",
        "    hybrid study clipping_study --profile slurm --shares 20    # by jobs of a cluster",
        "",
    ]
    shown: set[str] = set()
    for table in tables:
        grammars = searched_grammars(table, study.grammars)
        lines += [f"## {table.question.asks}", answer(table, grammars), ""]
        lines += [f"`{table.name}`: {table.found} of {table.planned} runs.", ""]
        if table.found:
            lines += [*_table(table, study.grammars), ""]
        for figure in FIGURES_OF.get(table.name, ()):
            if figure in figures and figure not in shown:
                lines += [f"![{table.name}]({figure})", ""]
                shown.add(figure)
    if costs is not None and study.cost is not None:
        lines += [*cost_lines(costs, study.cost.inputs), "![cost](cost.png)", ""]
    lines += _grammar_question(tables, study.grammars)
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def _grammar_question(tables: list[Table], strong_to_weak: Sequence[str]) -> list[str]:
    """Does an effect survive a strong grammar? All comparisons that were made with two or more."""
    lines: list[str] = []
    pairs = synthetic = clear_weak = clear_both = clear_strong = 0
    for table in tables:
        grammars = searched_grammars(table, strong_to_weak)
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
        artificial = sum(any(is_synthetic(value) for value in row.values) for row in rows)
        where = f"; {artificial} on synthetic speech" if artificial else ""
        pairs, synthetic = pairs + len(rows), synthetic + artificial
        clear_weak, clear_strong = clear_weak + sum(is_weak), clear_strong + sum(is_strong)
        clear_both += both
        sizes = [np.mean([abs(found.mean.mean) for found in one]) for one in (weak, strong)]
        lines.append(
            f"| {table.name} | {', '.join(reversed(grammars))} | {len(rows)}{where} "
            f"| {sum(is_weak)} | {sum(is_strong)} | {both} | {sizes[0]:.2f} | {sizes[1]:.2f} |"
        )
    if not lines:
        return []
    of_them = f" ({synthetic} of them on synthetic speech)" if synthetic else ""
    return [
        "## Does an effect survive a strong grammar?",
        f"Of {pairs} comparisons that were decoded with a weak and a strong grammar{of_them}, "
        f"{clear_weak} differ beyond chance with the weak one and {clear_strong} with the strong "
        f"one, {clear_both} with both. Mean sizes of the differences are given beside each other; "
        "each count is Holm-adjusted within its question.",
        "",
        "| question | grammars, weak to strong | comparisons | clear, weak | clear, strong "
        "| clear, both | mean size, weak | mean size, strong |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]
