"""The page's section on whole words: there when the stage is, alone too, and safe text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.io.atomic import write_json, write_text
from pipeline.io.errors import UserError
from pipeline.report.collect import collect
from pipeline.report.markdown import results_table
from tests.report.test_page import EVIL, Page, report
from tests.report.toy_run import ToyRun, make_toy_run, toy_config

RESULTS = {
    "format": 1,
    "utterances": 8,
    "correct": 6,
    "accuracy": 75.0,
    "interval": {"low": 40.93, "high": 92.85, "level": 0.95},
    "words": ["ONE", "TWO"],
    "confusions": [
        {"reference": "ONE", "hypothesis": "ONE", "count": 6},
        {"reference": EVIL, "hypothesis": "TWO", "count": 2},
    ],
    "speakers": [
        {"speaker": "ann", "utterances": 5, "correct": 5},
        {"speaker": "bob", "utterances": 3, "correct": 1},
    ],
    "wrong": [
        {
            **{"utterance_id": f"bob-{i}", "speaker": "bob"},
            **{"reference": EVIL, "hypothesis": "TWO", "score": -0.25},
        }
        for i in range(2)
    ],
}


def only_words(folder: Path, **more: Any) -> ToyRun:
    config = Config.model_validate(
        {
            **{"recipe": "toy", "title": "Words", "corpus": {"name": "toy"}},
            **{"splits": ["official"], "whole_word": {}, **more},
        }
    )
    write_text(folder / "config.json", config.model_dump_json())
    return ToyRun(folder, config, folder / "config.json")


def sections(page: Page) -> list[str | None]:
    return [attributes["id"] for attributes in page.all("section")]


def test_whole_words_beside_hybrid_models(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path, toy_config(whole_word={}))
    assert "whole_words" not in sections(report(toy))  # the stage has not run yet
    for split in toy.config.splits:
        write_json(tmp_path / split / "whole_word/results.json", RESULTS)
    for name in ("log.jsonl", "steps.jsonl"):
        log = (tmp_path / "theo/lstm" / name).read_bytes()
        (tmp_path / "theo/whole_word" / name).write_bytes(log)
    page = report(toy)
    assert "whole_words" in sections(page)
    assert page.all("script") == []
    for text in ("75.00", "40.93 – 92.85", "6 / 8", "bob-1", EVIL, "-0.25"):
        assert text in page.text
    pictures = {path.stem for path in (tmp_path / "report").glob("*.png")}
    assert {"whole_word_confusion_official", "training_theo_whole_word"} <= pictures
    results = json.loads((tmp_path / "report/results.json").read_text())
    assert [row["split"] for row in results["whole_words"]] == ["official", "theo"]
    assert "| theo | 75.00 | 40.93 – 92.85 | 6 / 8 |\n" in results_table(results)
    assert results["whole_words"][0]["correct"] == 6


def test_a_run_of_whole_words_alone(tmp_path: Path) -> None:
    toy = only_words(tmp_path)
    assert "Nothing has been scored yet" in report(toy).text
    write_json(tmp_path / "official/whole_word/results.json", RESULTS)
    page = report(toy)
    assert "75.00 %" in page.text
    assert "6 of 8 words right" in page.text
    assert sections(page) == ["whole_words", "about"]


def test_damaged_results_are_named(tmp_path: Path) -> None:
    toy = only_words(tmp_path)
    write_text(tmp_path / "official/whole_word/results.json", '{"format": ')
    with pytest.raises(UserError, match=r"results\.json: damaged; run the stage whole_word again"):
        collect(toy.root, toy.config)
