"""The section of the voices."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pipeline.io.atomic import write_json
from pipeline.report.markdown import read_results, results_table
from pipeline.report.voices import compare_voices, comparison_markdown
from tests.report.test_whole_words import EVIL, report, sections
from tests.report.toy_run import make_toy_run, toy_config

VOICE = {
    "alignment": "mono",
    "speakers": ["ann"],
    "judge": {"model": "mono", "grammar": "loop"},
}


def found(errors: int) -> dict[str, Any]:
    misheard = [{"speaker": "ann", "said": EVIL, "heard": "TWO"}] * errors
    interval = {"low": 1.25, "high": 33.5}
    return {"wer": 50.0 * errors, "errors": errors, "words": 2, "interval": interval} | {
        "misheard": misheard
    }


def test_voices_are_shown_once_they_have_been_judged(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path, toy_config(synthesis={"voice": VOICE}))
    assert "voices" not in sections(report(toy))
    split = toy.config.splits[0]
    sets = {"natural": found(0), "strings": found(1)}
    write_json(tmp_path / split / "voice/results.json", {"format": 1, "sets": sets})
    page = report(toy)
    assert "voices" in sections(page)
    assert page.all("script") == []
    for text in ("strings", "50.00", "1.25 – 33.50", "1 / 2", EVIL):
        assert text in page.text
    (row,) = json.loads((tmp_path / "report/results.json").read_text())["voices"]
    assert (row["split"], row["voice"], row["sets"]["natural"]["errors"]) == (split, "voice", 0)
    table = results_table(read_results(tmp_path / "report/results.json"))
    assert f"| {split} | voice | strings | 50.00 | 1.25 – 33.50 | 1 / 2 |\n" in table


def said(*errors: int, words: int = 2) -> dict[str, Any]:
    """A set in which each thing said has so many substitutions."""
    return {**found(0), "counts": [[words, 0, 0, count] for count in errors]}


def test_voices_are_compared_on_what_both_have_said() -> None:
    one = {"split": "official", "voice": "one"}
    sets = {"natural": said(1, 0), "strings": said(*[2, 0] * 20), "isolated": said(1)}
    other = {"natural": said(1, 0), "strings": said(*[1, 0] * 20), "isolated": said(1, words=1)}
    rows = [
        {**one, "sets": sets},
        {**one, "voice": "two", "sets": other},
        {"split": "theo", "voice": "one", "sets": sets},
    ]
    (row,) = compare_voices(rows, seed=1)  # natural is the same, isolated other words
    assert (row["split"], row["set"], row["first"], row["voice"]) == (
        *("official", "strings"),
        *("one", "two"),
    )
    assert row["difference"] == 100 * (20 - 40) / 80
    # 20 of 40 pairs differ by one of 80 words: binomial, sd sqrt(40 / 4) words.
    sd = 100 * math.sqrt(10) / 80
    assert row["low"] == pytest.approx(-25 - 1.96 * sd, abs=1.0)
    assert row["high"] == pytest.approx(-25 + 1.96 * sd, abs=1.0)
    assert row["probability_better"] == 0.0
    assert "| official | strings | two over one | -25.00 | -3" in comparison_markdown([row])
    old = [{**r, "sets": {"strings": found(1)}} for r in rows]  # written without counts
    assert not list(compare_voices(old, seed=1))
    assert comparison_markdown([]) == ""
