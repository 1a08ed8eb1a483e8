"""Tests of the Markdown table of results."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.io.errors import UserError
from pipeline.report.markdown import results_table


def entry(model: str, grammar: str, decoder: str, errors: int) -> dict[str, Any]:
    """A row of results.json with the fields that the table reads."""
    rate = {
        "wer": 100 * errors / 200,
        "insertions": 0,
        "deletions": 0,
        "substitutions": errors,
        "lm_weight": 12.0,
        "insertion_penalty": 0.0,
    }
    return {
        "split": "official",
        "grammar": grammar,
        "model": model,
        "decoder": decoder,
        "missing": 0,
        "fixed": rate,
        "best": rate,
    }


def write(folder: Path, rows: list[dict[str, Any]], title: str = "Digits") -> Path:
    """A results.json."""
    agreement = [
        {"utterances": 200, "same_words": 199, "largest_cost_difference": 0.004},
        {"utterances": 100, "same_words": 100, "largest_cost_difference": 0.001},
    ]
    path = folder / "results.json"
    results = {"title": title, "wer": rows, "agreement": agreement}
    path.write_text(json.dumps(results), encoding="utf-8")
    return path


def test_models_down_and_cells_across(tmp_path: Path) -> None:
    rows = [
        entry(model, grammar, decoder, errors)
        for model, errors in (("mono", 3), ("lstm", 1))
        for grammar in ("g1", "loop")
        for decoder in ("k2", "kaldi")
    ]
    lines = results_table(write(tmp_path, rows)).splitlines()
    assert lines[0] == "| WER % | official g1 | official loop |"
    assert lines[2] == "| mono | 1.50 / 1.50 | 1.50 / 1.50 |"
    assert lines[3] == "| lstm | 0.50 / 0.50 | 0.50 / 0.50 |"
    assert "299 of 300 utterances" in lines[-1]
    assert "4.0e-03" in lines[-1]


def test_a_table_of_synthetic_speech_says_so(tmp_path: Path) -> None:
    table = results_table(write(tmp_path, [entry("mono", "g1", "k2", 3)], "Synthetic digits"))
    assert table.startswith("| WER %, synthetic speech | official g1 |\n")


def test_decoders_that_differ_have_rows_of_their_own(tmp_path: Path) -> None:
    rows = [entry("mono", "g1", "k2", 3), entry("mono", "g1", "kaldi", 5)]
    table = results_table(write(tmp_path, rows))
    assert "| mono (k2) | 1.50 / 1.50 |" in table
    assert "| mono (kaldi) | 2.50 / 2.50 |" in table


def test_missing_report_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the recipe first"):
        results_table(tmp_path / "results.json")
