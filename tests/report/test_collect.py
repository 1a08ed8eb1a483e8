"""Reading of a run folder, whole, empty or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError
from pipeline.report.collect import SystemKey, collect
from pipeline.report.pictures import make_pictures
from pipeline.report.results import make_results
from tests.report.toy_run import make_toy_run, toy_config


def test_whole_run(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path)
    run = collect(toy.root, toy.config)
    assert len(run.scores) == 2 * 2 * 3 * 2  # splits, grammars, models, decoders
    assert next(iter(run.scores)) == SystemKey("official", "g1", "mono", "k2")
    assert run.sets[0] == {
        "split": "official",
        "set": "train",
        "utterances": 30,
        "speakers": 2,
        "words": 30,
        "unknown": None,  # there is no lang/words.txt
        "seconds": 15.0,
    }
    assert len(run.steps["theo"]["lstm"]) == 90
    assert len(run.epochs["theo"]["lstm"]) == 15
    assert [stage for stage, _ in run.rejects] == [
        "data",
        "official/mono alignment",
        "official/tri1 alignment",
        "theo/mono alignment",
        "theo/tri1 alignment",
    ]
    assert run.benchmarks[1] == {
        "job": "official/lstm",
        "seconds": 79.6,
        "cpu_seconds": 159.2,
        "max_rss_mb": 512.3,
    }
    assert run.versions["python"].startswith("3.")


def test_wer_by_epoch_comes_into_the_log_of_a_network_that_asks_for_it(tmp_path: Path) -> None:
    asking = {"lstm": {"alignment": "tri1", "training": {"num_epochs": 4, "wer_epochs": True}}}
    for name, nets in (("asking", asking), ("other", {"lstm": {"alignment": "tri1"}})):
        toy = make_toy_run(tmp_path / name, toy_config(nnet=nets, splits=["theo"]))
        path = toy.root / "theo/lstm/wer_by_epoch.json"
        rows = [{"epoch": e, "wer": 40.0 / e, "errors": 1, "words": 2} for e in (1, 2, 4)]
        write_json(path, {"epochs": rows})
        run = collect(toy.root, toy.config)
        log = run.epochs["theo"]["lstm"]
        if name == "other":
            assert not any("wer" in row for row in log)
            continue
        assert [row["wer"] for row in log] == [40.0, 20.0, None, 10.0]
        assert {"loss", "held_out_loss"} <= set(log[0])
        pictures = {picture.name: picture for picture in make_pictures(run, make_results(run))}
        assert "held-out WER" in pictures["training_theo_lstm"].alt
        path.write_text('{"epochs": [{}]}')
        with pytest.raises(UserError, match=r"lstm/wer_by_epoch\.json: damaged"):
            collect(toy.root, toy.config)


def test_nothing_there(tmp_path: Path) -> None:
    run = collect(tmp_path, toy_config())
    for found in (run.scores, run.sets, run.rejects, run.benchmarks):
        assert not found


def test_damaged_scores_are_named(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path)
    path = tmp_path / "theo/decode/lstm/loop/kaldi/wer.json"
    path.write_text("{")
    with pytest.raises(UserError, match=r"lstm/loop/kaldi/wer\.json: damaged"):
        collect(toy.root, toy.config)


def test_what_snakemake_could_not_measure_is_left_open(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "a.tsv").write_text("s\tmax_rss\tcpu_time\n2\t-\tNA\n4\t-\tNA\n")
    (folder / "b.tsv").write_text("")
    run = collect(tmp_path, toy_config())
    assert run.benchmarks == [{"job": "a", "seconds": 3.0, "cpu_seconds": None, "max_rss_mb": None}]
