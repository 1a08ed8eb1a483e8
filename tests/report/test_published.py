"""RESULTS.md: every figure of results.json that it shows, and what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.graph.arpa import Arpa, write_arpa
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.io.symbols import SymbolTable
from pipeline.report.collect import collect
from pipeline.report.page import make_page
from pipeline.report.published import results_markdown
from pipeline.report.results import make_results
from pipeline.report.sections import setting_text
from tests.report.toy_run import DIGITS, make_toy_run, toy_config

TUNED = {"wer": 43.21, "lm_weight": 9.0, "insertion_penalty": 0.5}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    toy = make_toy_run(tmp_path_factory.mktemp("run"), toy_config(), utterances=40)
    return make_results(collect(toy.root, toy.config))


def tuned(results: dict[str, Any]) -> dict[str, Any]:
    """The same with weights chosen on theo."""
    rows = [{**row, "tuned": None if row["split"] == "theo" else TUNED} for row in results["wer"]]
    config = {**results["config"], "decode": {**results["config"]["decode"], "tune_split": "theo"}}
    return {**results, "wer": rows, "config": config}


def rows_of(page: str, title: str) -> list[list[str]]:
    """Cells of the first table of a section."""
    section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_score_has_its_row(results: dict[str, Any]) -> None:
    page = results_markdown(results)
    table = {tuple(cells[:3]): cells for cells in rows_of(page, "Word error rates")}
    for row in results["wer"]:
        cells = table[row["split"], row["grammar"], row["model"]]
        if row["decoder"] in cells[3]:
            assert cells[4] == f"{row['fixed']['wer']:.2f}"
            assert cells[8:] == [f"{row['best']['wer']:.2f}", setting_text(row["best"])]
    assert "tuned" not in page
    assert "synthetic" not in page
    assert "| WER %, synthetic speech |" in results_markdown({**results, "title": "Synthetic"})


def test_weights_chosen_on_another_set_have_their_column(results: dict[str, Any]) -> None:
    page = results_markdown(tuned(results))
    for cells in rows_of(page, "Word error rates"):
        assert cells[10:] == (["–", "–"] if cells[0] == "theo" else ["43.21", "9 / 0.5"])
    assert "fewest errors on theo" in page
    html = make_page(tuned(results), [])
    assert "Tuned WER: at the weight and penalty with the fewest errors on theo" in html
    assert html.count("43.21") == sum(
        cells[0] != "theo" for cells in rows_of(page, "Word error rates")
    )


def test_training_and_cost_are_sums_of_what_was_measured(results: dict[str, Any]) -> None:
    page = results_markdown(results)
    (training,) = [
        cells for cells in rows_of(page, "Training of networks") if cells[0] == "official"
    ]
    found = results["training"]["official"]["lstm"]
    assert training[2:4] == [str(len(found["epochs"])), str(found["steps"])]
    assert training[6] == f"{100 * found['clipped'] / found['steps']:.1f} %"
    jobs = rows_of(page, "Cost")
    assert [cells[0] for cells in jobs] == [
        row["job"] for row in sorted(results["stages"], key=lambda row: -row["seconds"])[:8]
    ]
    for row in results["checksums"]:
        assert row["sha256"][:16] in page
    assert results["machine"]["processor"] in page


def test_words_of_no_lexicon_perplexity_and_trainings_apart(tmp_path: Path) -> None:
    grammars = {"loop": {"type": "loop"}, "pair": {"type": "ngram", "order": 2}}
    config = toy_config(grammars=grammars, lms={"recurrent": {"text": "text.txt", "num_epochs": 1}})
    toy = make_toy_run(tmp_path, config, utterances=40)
    SymbolTable(["<eps>", *DIGITS[1:]]).write(tmp_path / "lang/words.txt")  # without ZERO
    words = dict.fromkeys(("<s>", "</s>", *DIGITS), (-1.0, 0.0))
    model = Arpa(({(word,): value for word, value in words.items()}, {}))
    for split in config.splits:
        write_arpa(tmp_path / split / "grammars/pair/lm.arpa.gz", model)
    write_json_lines(tmp_path / "lang/lms/recurrent/log.jsonl", [{"held_out_perplexity": 12.34}])
    results = make_results(collect(toy.root, toy.config))
    (test,) = [s for s in results["sets"] if (s["split"], s["set"]) == ("theo", "test")]
    texts = [
        cut["supervisions"][0]["text"]
        for cut in read_json_lines(tmp_path / "theo/data/test/cuts.jsonl.gz")
    ]
    zeros = " ".join(texts).split().count("ZERO")
    assert 0 < zeros == test["unknown"]
    page = results_markdown(results)
    table = rows_of(page, "Language models")
    # Every digit and every end of a sentence has probability 1/10.
    assert ["theo", "pair", "test", "10.0", str(test["words"] + len(texts))] in table
    assert ["–", "recurrent", "held out", "12.3", "–"] in table
    assert f"| {zeros} ({100 * zeros / test['words']:.2f} %) |" in page
    results["training"]["theo"]["lstm"]["epochs"][0]["seconds"] = 61.0
    page = results_markdown(results)
    assert "Trained apart, and not in the sum: lstm of theo (1 min 01 s)." in page
    jobs = [*results["stages"], {**results["stages"][0], "job": "theo/lstm/train"}]
    assert "lstm of theo" not in results_markdown({**results, "stages": jobs})


def test_a_run_without_scores_has_a_page(tmp_path: Path) -> None:
    empty = make_results(collect(tmp_path, toy_config()))
    assert "None yet." in results_markdown(empty)
