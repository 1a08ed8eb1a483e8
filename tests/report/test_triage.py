"""What the report has of the utterances that an alignment finds suspicious."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.io.errors import UserError
from pipeline.report.collect import collect
from pipeline.report.pictures import make_pictures
from pipeline.report.results import make_results
from pipeline.report.triage import choose_pair, read_findings, triage_table
from tests.report.toy_run import make_toy_run, toy_config

HEADER = "utterance_id\tsuspicion\tlog_likelihood\tgap\tretried\tcause\n"


def finding(name: str, cause: str = "") -> dict[str, Any]:
    return {"utterance_id": name, "cause": cause}


def test_worst_of_the_last_rung_and_pictures_of_a_pair(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path, toy_config(splits=["official"]))
    run = collect(toy.root, toy.config)
    results = make_results(run)
    json.dumps(results, allow_nan=False)
    (row,) = results["triage"]
    assert (row["rung"], row["utterances"], row["suspicious"]) == ("tri1", 31, 2)
    first, second = row["worst"][:2]
    assert first["suspicion"] is None
    assert first["text"] is None  # it is not in the training set any more
    assert (second["utterance_id"], second["cause"]) == ("bob-014", "transcript mismatch")
    assert second["text"]
    html = triage_table(row)
    assert "2 of 31 training utterances are suspicious" in html
    assert "&lt;b&gt;for&lt;/b&gt;" in html
    pictures = {p.name: p for p in make_pictures(run, results)}
    assert "bob-014" in pictures["triage_official_worst"].alt
    assert "transcript mismatch" in pictures["triage_official_worst"].alt
    assert "bob-014" not in pictures["triage_official_usual"].alt


def test_an_earlier_rung_where_the_last_is_not_aligned(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path, toy_config(splits=["official"]))
    (toy.root / "official/tri1/alignment/scores.tsv").unlink()
    assert collect(toy.root, toy.config).findings["official"]["rung"] == "mono"


def test_pair() -> None:
    findings = [finding("lost", "x"), finding("long", "y"), finding("bad", "z")]
    findings += [finding(name) for name in ("a", "b", "c", "d")]
    seconds = {"long": 9.0, "bad": 2.0, "a": 2.0, "b": 1.0, "c": 1.5, "d": 2.4}
    pair = choose_pair(findings, seconds, 5.0)  # lost was not aligned, a is not of the better half
    assert pair is not None
    assert [row["utterance_id"] for row in pair] == ["bad", "d"]


def test_no_pair_where_nothing_is_suspicious() -> None:
    seconds = {"a": 1.0, "b": 1.0}
    assert choose_pair([finding("a"), finding("b")], seconds, 5.0) is None
    assert choose_pair([finding("a", "x")], seconds, 5.0) is None  # nothing to compare with
    assert choose_pair([], {}, 5.0) is None


def test_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text(f"{HEADER}u1\t1.0\t-1.0\t0.5\t0\t\nu2\tmuch\t-1.0\t0.5\t0\t\n")
    with pytest.raises(UserError, match=r"scores\.tsv: line 3: damaged"):
        read_findings(path)
