"""A run's error rates as a Markdown table: models down, splits and grammars across."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.io.errors import UserError
from pipeline.report.pipe_table import pipe_table, speech_note
from pipeline.report.sections import interval_text, merge_decoders, setting_text
from pipeline.report.voices import comparison_markdown, voice_markdown
from pipeline.report.whole_words import whole_word_markdown

Row = dict[str, Any]
COLUMNS = 4  # beside the model's; more of them go into another table


def read_results(path: Path) -> Row:
    """results.json of a report.

    Raises:
        UserError: there is no such report, or it is damaged.
    """
    try:
        results: Row = json.loads(path.read_text(encoding="utf-8"))
        results_table(results)
    except FileNotFoundError:
        raise UserError(f"{path}: no results yet; run the recipe first") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; run the stage report again") from None
    return results


def results_table(results: Row) -> str:
    """WER % at the fixed setting with its interval, at the tuned one if there is one, and the best.

    The best is that over LM weight and penalty on the test itself. Where the decoders differ each
    has its row. Several splits whose test set is one speaker have their mean at the fixed setting
    beside them. Of a recipe whose title says "synthetic", the table says so too. Ends with the
    decoders' agreement, and tables of whole words and of voices.

    Args:
        results: content of results.json.
    """
    cells: dict[tuple[str, str], dict[str, str]] = {}
    columns: list[str] = []
    for decoders, row in merge_decoders(results["wer"]):
        column = f"{row['split']} {row['grammar']}"
        if column not in columns:
            columns.append(column)
        cells.setdefault((row["model"], decoders), {})[column] = _cell(row)
    means = _held_out_means(results)
    columns += means
    for key, found in cells.items():
        found.update({column: mean[key] for column, mean in means.items() if key in mean})
    speech = speech_note(results["title"])
    merged = len({decoders for _, decoders in cells}) == 1
    parts = [_legend(results)] if cells else []
    for part in _tables(columns):
        rows = [
            (model if merged else f"{model} ({decoders})", *(found.get(c, "") for c in part))
            for (model, decoders), found in cells.items()
        ]
        parts.append(pipe_table((f"WER %{speech}", *part), rows))
    parts.append(_agreement(results["agreement"]))
    parts.append(whole_word_markdown(results.get("whole_words", [])))
    parts.append(voice_markdown(results.get("voices", [])))
    parts.append(comparison_markdown(results.get("voice_comparisons", [])))
    return "\n".join(part for part in parts if part)


def _tables(columns: Sequence[str]) -> list[list[str]]:
    """Columns of each table; those of a split stay together if they can."""
    tables: list[list[str]] = []
    for _, group in groupby(columns, key=lambda column: column.split()[0]):
        same = list(group)
        for begin in range(0, len(same), COLUMNS):
            part = same[begin : begin + COLUMNS]
            if tables and len(tables[-1]) + len(part) <= COLUMNS:
                tables[-1] += part
            else:
                tables.append(part)
    return tables


def _legend(results: Row) -> str:
    """What the numbers of a cell are."""
    rows = results["wer"]
    text = (
        f"WER at LM weight and insertion penalty {setting_text(rows[0]['fixed'])}, set before any "
        "result (95 % interval by bootstrap over utterances)"
    )
    if any(row["tuned"] is not None for row in rows):
        text += f" / at those with the fewest errors on {results['config']['decode']['tune_split']}"
    text += " / the lowest over all weights and penalties on the test itself"
    if any(row["fixed"]["no_error_limit"] is not None for row in rows):
        text += ". †: no error seen; the rate that shows none in one of twenty such sets"
    return text + ".\n"


def _cell(row: Row) -> str:
    rates = [row["fixed"], *([row["tuned"]] if row["tuned"] else []), row["best"]]
    fixed, *others = [f"{rate['wer']:.2f}" for rate in rates]
    return " / ".join([f"{fixed} ({interval_text(row['fixed'])})", *others])


def _held_out_means(results: Row) -> dict[str, dict[tuple[str, str], str]]:
    """Column of a grammar -> (model, decoders) -> mean over the splits that test one speaker."""
    sets = results.get("sets", [])
    alone = [s["split"] for s in sets if s["set"] == "test" and s["speakers"] == 1]
    found: dict[str, dict[tuple[str, str], list[float]]] = {}
    for decoders, row in merge_decoders(results["wer"]):
        if row["split"] in alone:
            column = found.setdefault(f"mean of {len(alone)} speakers, {row['grammar']}", {})
            column.setdefault((row["model"], decoders), []).append(row["fixed"]["wer"])
    return {
        column: {
            key: f"{fmean(rates):.2f}" for key, rates in rows.items() if len(rates) == len(alone)
        }
        for column, rows in found.items()
        if len(alone) > 1
    }


def _agreement(agreement: list[dict[str, Any]]) -> str:
    if not agreement:
        return ""
    total = sum(entry["utterances"] for entry in agreement)
    same = sum(entry["same_words"] for entry in agreement)
    largest = max(entry["largest_cost_difference"] or 0.0 for entry in agreement)
    return (
        f"The two decoders give the same words in {same} of {total} utterances "
        f"(all cells together); their best paths' costs differ by at most {largest:.1e}.\n"
    )
