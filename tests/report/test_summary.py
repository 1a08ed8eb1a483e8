"""The table on the terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.io.atomic import write_json, write_text
from pipeline.io.errors import UserError
from pipeline.report.collect import collect
from pipeline.report.results import make_results
from pipeline.report.summary import print_summary
from tests.report.toy_run import make_toy_run, toy_config


def shown(path: Path, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_summary(path, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("width", [20, 80, 200])
def test_no_figure_is_cut_off_on_any_terminal(tmp_path: Path, width: int) -> None:
    toy = make_toy_run(tmp_path, toy_config(title="Digits [bold] ÄÖ"))
    results = make_results(collect(toy.root, toy.config))
    write_json(tmp_path / "results.json", results)
    text = shown(tmp_path / "results.json", width)
    assert "Digits [bold] ÄÖ" in text
    lines = text.splitlines()
    for row in results["wer"]:
        fixed = row["fixed"]
        wanted = (
            row["grammar"],
            row["model"],
            f"{fixed['wer']:.2f}",
            f"{fixed['errors']}/{fixed['words']}",
            f"{row['best']['wer']:.2f}",
        )
        assert any(all(word in line.split() for word in wanted) for line in lines)
    assert "index.html" in text
    assert "…" not in text


def test_nothing_scored(tmp_path: Path) -> None:
    write_json(tmp_path / "results.json", make_results(collect(tmp_path, toy_config())))
    assert "nothing has been scored yet" in shown(tmp_path / "results.json", 80)


def test_whole_words_alone_are_shown(tmp_path: Path) -> None:
    results = make_results(collect(tmp_path, toy_config()))
    interval = {"low": 80.25, "high": 97.5}
    row = {"split": "theo", "accuracy": 92.0, "interval": interval, "correct": 46, "utterances": 50}
    write_json(tmp_path / "results.json", {**results, "whole_words": [row]})
    text = shown(tmp_path / "results.json", 20)
    assert "nothing has been scored" not in text
    assert "best:" not in text
    cells = ["theo", "92.00", "80.25", "–", "97.50", "46", "/", "50"]
    assert cells in [line.split() for line in text.splitlines()]


def test_missing_and_damaged_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no results yet"):
        print_summary(tmp_path / "results.json")
    for text in ("{", '{"wer": [{}]}', "[]"):
        write_text(tmp_path / "results.json", text)
        with pytest.raises(UserError, match="damaged"):
            print_summary(tmp_path / "results.json")


def test_program_is_light(tmp_path: Path) -> None:
    write_json(tmp_path / "results.json", make_results(collect(tmp_path, toy_config())))
    code = (
        "import sys; from pipeline.bin.print_results import main; main(sys.argv[1:]);"
        "print(sorted({'torch', 'lhotse', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "results.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("scored yet\n[]\n")
