"""results.json: its choices and sums, against the wer.json files it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.io.atomic import write_json
from pipeline.report.collect import Run, SystemKey, collect
from pipeline.report.results import best_systems, make_results
from tests.report.toy_run import make_toy_run, toy_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    toy = make_toy_run(tmp_path_factory.mktemp("run"), utterances=60)
    return collect(toy.root, toy.config)


def test_every_score_is_there_with_its_numbers(run: Run) -> None:
    results = make_results(run)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert len(results["wer"]) == 24
    for row in results["wer"]:
        key = SystemKey(row["split"], row["grammar"], row["model"], row["decoder"])
        assert row["fixed"] == run.scores[key]["fixed"]
        assert row["best"]["tuned_on_test"] is True


def test_headline_is_the_lowest_of_the_first_split_and_grammar(run: Run) -> None:
    headline = make_results(run)["headline"]
    rows = [
        row["fixed"]["errors"]
        for key, row in run.scores.items()
        if (key.split, key.grammar) == ("official", "g1")
    ]
    assert headline["fixed"]["errors"] == min(rows) == 0
    assert (headline["model"], headline["decoder"], headline["candidates"]) == ("tri1", "k2", 3)


def test_ties_go_to_the_later_model_and_the_earlier_decoder(run: Run) -> None:
    key = SystemKey("official", "g1", "tri1", "k2")
    same = {k: run.scores[key] for k in run.scores if k.split == "official"}
    tied = Run(run.root, run.config, scores=same)
    assert best_systems(tied)["official", "g1"] == SystemKey("official", "g1", "lstm", "k2")


def test_comparisons_are_with_the_best_and_against_it(run: Run) -> None:
    results = make_results(run)
    assert len(results["comparisons"]) == 2 * 2 * 2  # splits, grammars, other models
    for row in results["comparisons"]:
        place = (row["split"], row["grammar"])
        wer = {
            model: run.scores[SystemKey(*place, model, row["decoder"])]["fixed"]["wer"]
            for model in (row["best"], row["model"])
        }
        assert row["difference"] == pytest.approx(wer[row["model"]] - wer[row["best"]])
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["probability_better"] >= 0.5


def test_errors_are_those_of_the_best_system(run: Run) -> None:
    for row in make_results(run)["errors"]:
        key = SystemKey(row["split"], row["grammar"], row["model"], row["decoder"])
        assert (
            sum(pair["count"] for pair in row["confusions"]) == run.scores[key]["fixed"]["errors"]
        )
        errors = [utterance["errors"] for utterance in row["worst"]]
        assert errors == sorted(errors, reverse=True)
        assert len(errors) == min(15, run.scores[key]["fixed"]["utterances_with_errors"])


def test_decoders_that_differ_are_found(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path)
    path = tmp_path / "theo/decode/lstm/g1/kaldi/wer.json"
    result = json.loads(path.read_text())
    first = result["per_utterance"][3]
    first["hypothesis"], first["cost"] = ["NINE", "NINE"], first["cost"] + 0.25
    write_json(path, result)
    rows = make_results(collect(toy.root, toy.config))["agreement"]
    other = [row for row in rows if row["same_words"] != row["utterances"]]
    assert [(row["split"], row["grammar"], row["model"]) for row in other] == [
        ("theo", "g1", "lstm")
    ]
    assert other[0]["different"] == [first["utterance_id"]]
    assert other[0]["share"] == pytest.approx(29 / 30)
    assert other[0]["largest_cost_difference"] == pytest.approx(0.25)


def test_empty_run(tmp_path: Path) -> None:
    results = make_results(collect(tmp_path, toy_config()))
    assert results["headline"] is None
    assert results["wer"] == results["agreement"] == results["errors"] == []
    assert results["config"]["recipe"] == "toy"
