"""The plain tables of a run's error rates and accuracies, for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.io.errors import UserError
from pipeline.report.sections import interval_text, merge_decoders, tuned_cells
from pipeline.report.whole_words import HEADER, whole_word_lines

Row = dict[str, Any]


def print_summary(results_path: Path, console: Console | None = None) -> None:
    """Print title, error rates or accuracies of whole words, and where the page lies.

    Args:
        results_path: results.json of a report.
    Raises:
        UserError: there is no such report, or it is damaged.
    """
    try:
        results = json.loads(results_path.read_text(encoding="utf-8"))
        rows = list(merge_decoders(results["wer"]))
    except FileNotFoundError:
        raise UserError(f"{results_path}: no results yet; run the recipe first") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{results_path}: damaged; run the stage report again") from None
    console = console or Console(highlight=False)
    whole_words = results.get("whole_words", [])
    if not rows and not whole_words:
        console.print(f"{escape(results['title'])}: nothing has been scored yet")
        return
    console.print(results["title"], style="bold", markup=False, soft_wrap=True)
    if rows:
        _print_whole(_error_rates(rows), console)
        for note in _notes(rows, results["config"]):
            console.print(note)
    if whole_words:
        _print_whole(_accuracies(whole_words), console)
    console.print(f"page: {results_path.with_name('index.html')}", soft_wrap=True)


def _error_rates(rows: Sequence[tuple[str, Row]]) -> Table:
    """Each split, grammar and model; `rows` are merge_decoders'."""
    has_tuned = _has_tuned(rows)
    figures = ("WER %", "95 % interval", "errors/words", "best %")
    table = _table(
        ("split", "grammar", "model", "decoder"),
        (*figures, "tuned %") if has_tuned else figures,
    )
    last = None
    for decoders, row in rows:
        fixed = row["fixed"]
        if last not in (None, row["split"]):
            table.add_section()
        names = (
            row["split"] if row["split"] != last else "",
            row["grammar"],
            row["model"],
            decoders,
        )
        last = row["split"]
        table.add_row(
            *(escape(name) for name in names),
            f"{fixed['wer']:.2f}",
            interval_text(fixed),
            f"{fixed['errors']}/{fixed['words']}",
            f"{row['best']['wer']:.2f}",
            *(tuned_cells(row)[:1] if has_tuned else ()),
        )
    return table


def _accuracies(rows: Sequence[Row]) -> Table:
    """Whole words named right, of each split."""
    table = _table(HEADER[:1], HEADER[1:])
    for line in whole_word_lines(rows):
        table.add_row(*(escape(cell) for cell in line))
    return table


def _table(names: Sequence[str], figures: Sequence[str]) -> Table:
    """Columns of words, then columns of figures, none yet with a row."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _has_tuned(rows: Sequence[tuple[str, Row]]) -> bool:
    return any(row["tuned"] is not None for _, row in rows)


def _notes(rows: Sequence[tuple[str, Row]], config: Row) -> Iterator[str]:
    """What the columns mean."""
    yield "best: lowest WER over LM weights and penalties on the test set itself"
    if _has_tuned(rows):
        tune_split = config["decode"]["tune_split"]
        yield f"tuned: at the LM weight and penalty with the fewest errors on {tune_split}"
    if any(row["fixed"]["no_error_limit"] is not None for _, row in rows):
        yield "†: no error seen; the rate that shows none in one of twenty such sets"


def _print_whole(table: Table, console: Console) -> None:
    """A line that the terminal breaks is better than figures cut off."""
    unlimited = console.options.update(max_width=10_000)
    console.width = max(console.width, console.measure(table, options=unlimited).maximum)
    console.print(table)
