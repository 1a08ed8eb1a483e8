"""Tests of the Markdown table of results."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.io.errors import UserError
from pipeline.report.markdown import read_results, results_table


def entry(model: str, grammar: str, decoder: str, errors: int) -> dict[str, Any]:
    """A row of results.json with the fields that the table reads."""
    rate = {
        "wer": 100 * errors / 200,
        "insertions": 0,
        "deletions": 0,
        "substitutions": errors,
        "lm_weight": 12.0,
        "insertion_penalty": 0.0,
        "interval": {"low": 0.25, "high": 4.0},
        "no_error_limit": None,
    }
    return {
        "split": "official",
        "grammar": grammar,
        "model": model,
        "decoder": decoder,
        "missing": 0,
        "fixed": rate,
        "best": rate,
        "tuned": None,
    }


def results_of(rows: list[dict[str, Any]], title: str = "Digits") -> dict[str, Any]:
    """A results.json."""
    agreement = [
        {"utterances": 200, "same_words": 199, "largest_cost_difference": 0.004},
        {"utterances": 100, "same_words": 100, "largest_cost_difference": 0.001},
    ]
    return {"title": title, "wer": rows, "agreement": agreement}


def test_models_down_and_cells_across() -> None:
    rows = [
        entry(model, grammar, decoder, errors)
        for model, errors in (("mono", 3), ("lstm", 1))
        for grammar in ("g1", "loop")
        for decoder in ("k2", "kaldi")
    ]
    lines = results_table(results_of(rows)).splitlines()
    assert lines[0].startswith("WER at LM weight and insertion penalty 12 / 0, set before any")
    assert lines[2] == "| WER % | official g1 | official loop |"
    assert lines[4] == "| mono | 1.50 (0.25 – 4.00) / 1.50 | 1.50 (0.25 – 4.00) / 1.50 |"
    assert lines[5] == "| lstm | 0.50 (0.25 – 4.00) / 0.50 | 0.50 (0.25 – 4.00) / 0.50 |"
    assert "299 of 300 utterances" in lines[-1]
    assert "4.0e-03" in lines[-1]


def test_a_table_of_synthetic_speech_says_so() -> None:
    table = results_table(results_of([entry("mono", "g1", "k2", 3)], "Synthetic digits"))
    assert "\n| WER %, synthetic speech | official g1 |\n" in table


def test_decoders_that_differ_have_rows_of_their_own() -> None:
    rows = [entry("mono", "g1", "k2", 3), entry("mono", "g1", "kaldi", 5)]
    table = results_table(results_of(rows))
    assert "| mono (k2) | 1.50 (0.25 – 4.00) / 1.50 |" in table
    assert "| mono (kaldi) | 2.50 (0.25 – 4.00) / 2.50 |" in table


def test_splits_stay_together_and_speakers_held_out_have_a_mean() -> None:
    errors = {"official": 1, "theo": 3, "lucas": 8}
    rows = [
        {**entry(model, grammar, "k2", number), "split": split}
        for split, number in errors.items()
        for grammar in ("g1", "loop")
        for model in ("mono", "lstm")
        if (split, model) != ("lucas", "lstm")
    ]
    sets = [
        {"split": split, "set": "test", "speakers": 6 if split == "official" else 1}
        for split in errors
    ]
    table = results_table({**results_of(rows), "sets": sets})
    heads = [line for line in table.splitlines() if line.startswith("| WER % |")]
    assert heads == [
        "| WER % | official g1 | official loop | theo g1 | theo loop |",
        "| WER % | lucas g1 | lucas loop | mean of 2 speakers, g1 | mean of 2 speakers, loop |",
    ]
    mono = "4.00 (0.25 – 4.00) / 4.00"
    assert f"| mono | {mono} | {mono} | 2.75 | 2.75 |" in table  # (1.5 % + 4 %) / 2
    assert "| lstm |  |  |  |  |" in table


def test_what_a_development_set_chose_is_in_the_middle() -> None:
    row = entry("lstm", "g1", "k2", 2)
    row["tuned"] = {**row["fixed"], "wer": 0.75}
    row["fixed"] = {**row["fixed"], "no_error_limit": 1.5}
    config = {"decode": {"tune_split": "dev"}}
    table = results_table({**results_of([row]), "config": config})
    assert "| lstm | 1.00 (0 – 1.50 †) / 0.75 / 1.00 |" in table
    assert "/ at those with the fewest errors on dev /" in table
    assert "†: no error seen" in table


def test_missing_report_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the recipe first"):
        read_results(tmp_path / "results.json")
    (tmp_path / "results.json").write_text('{"wer": [{}]}', encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        read_results(tmp_path / "results.json")
