"""A run's error rates as a Markdown table: models down, splits and grammars across."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.io.errors import UserError
from pipeline.report.sections import merge_decoders
from pipeline.report.voices import voice_markdown


def results_table(results_path: Path) -> str:
    """WER % at the fixed setting / the best over LM weight and penalty on the test itself.

    Where the decoders differ each has its row. Of a recipe whose title says "synthetic", the table
    says so too. Ends with the decoders' agreement, and a table of the voices.

    Raises:
        UserError: there is no such report, or it is damaged.
    """
    try:
        results = json.loads(results_path.read_text(encoding="utf-8"))
        rows = list(merge_decoders(results["wer"]))
        agreement = results["agreement"]
        voices = voice_markdown(results.get("voices", []))
        speech = ", synthetic speech" if "synthetic" in results["title"].lower() else ""
    except FileNotFoundError:
        raise UserError(f"{results_path}: no results yet; run the recipe first") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{results_path}: damaged; run the stage report again") from None
    cells: dict[tuple[str, str], dict[str, str]] = {}
    columns: list[str] = []
    for decoders, row in rows:
        column = f"{row['split']} {row['grammar']}"
        if column not in columns:
            columns.append(column)
        cells.setdefault((row["model"], decoders), {})[column] = _cell(row)
    lines = [
        f"| WER %{speech} | " + " | ".join(columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    merged = len({decoders for _, decoders in cells}) == 1
    for (model, decoders), found in cells.items():
        name = model if merged else f"{model} ({decoders})"
        lines.append(f"| {name} | " + " | ".join(found.get(c, "") for c in columns) + " |")
    lines.append("")
    lines.append(_agreement(agreement))
    parts = ["\n".join(lines).rstrip() + "\n", *([voices] if voices else [])]
    return "\n".join(parts)


def _cell(row: dict[str, Any]) -> str:
    return f"{row['fixed']['wer']:.2f} / {row['best']['wer']:.2f}"


def _agreement(agreement: list[dict[str, Any]]) -> str:
    if not agreement:
        return ""
    total = sum(entry["utterances"] for entry in agreement)
    same = sum(entry["same_words"] for entry in agreement)
    largest = max(entry["largest_cost_difference"] or 0.0 for entry in agreement)
    return (
        f"The two decoders give the same words in {same} of {total} utterances "
        f"(all cells together); their best paths' costs differ by at most {largest:.1e}."
    )
