"""The section of the voices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.io.atomic import write_json
from pipeline.report.markdown import read_results, results_table
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
