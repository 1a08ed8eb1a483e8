"""The whole Snakefile on a toy corpus: from audio to the report, again, and in parts."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pipeline.workflow import load_recipe, stage_files
from tests.workflow.toy_recipe import CHANGES, hybrid, run_toy

ROOT = Path("exp/demo")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the toy recipe has run, and what was printed."""
    folder = tmp_path_factory.mktemp("toy")
    result = run_toy(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


RUNGS = ("mono", "tri1", "tri2b", "tri3b")


def jobs_of(output: str) -> list[str]:
    """Names of the jobs that a dry run would run."""
    lines = output.splitlines()
    assert re.fullmatch(r"\d+ jobs would run|nothing to be done", lines[-1]), output
    return [line.partition(":")[0] for line in lines[1:-1]]


def test_every_stage_leaves_its_files(finished: tuple[Path, str]) -> None:
    folder, output = finished
    settings = {"features": {"num_shards": 2}}
    for stage, files in stage_files(load_recipe(settings)).items():
        assert [file for file in files if not (folder / file).is_file()] == [], stage
    assert "train_gmm official mono: " in output
    assert list(folder.rglob("*.partial")) == []


def test_results_are_shown_and_are_those_of_both_decoders(finished: tuple[Path, str]) -> None:
    folder, output = finished
    assert f"{ROOT}/report/index.html" in output
    assert "WER %" in output
    results = json.loads((folder / ROOT / "report/results.json").read_text(encoding="utf-8"))
    systems = {(row["model"], row["decoder"]) for row in results["wer"]}
    assert systems == {(m, d) for m in (*RUNGS, "lstm", "plain") for d in ("k2", "kaldi")}
    # The corpus is the toy: 6 utterances of 3 digits.
    assert {row["fixed"]["words"] for row in results["wer"]} == {18}
    # A monophone model that learned nothing would have about 90 % of errors.
    mono = [row["fixed"]["wer"] for row in results["wer"] if row["model"] == "mono"]
    assert max(mono) < 60


def test_both_decoders_find_the_same_words(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    for model in (*RUNGS, "lstm", "plain"):
        found = []
        for decoder in ("k2", "kaldi"):
            path = folder / ROOT / "official/decode" / model / "loop" / decoder / "hyp.trn"
            found.append(path.read_text(encoding="utf-8"))
        assert found[0] == found[1]


def test_a_second_run_does_nothing(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (folder / ROOT).rglob("*")}
    result = run_toy(folder)
    assert result.returncode == 0
    assert "[" not in result.stdout.splitlines()[1], result.stdout
    assert {path: path.stat().st_mtime_ns for path in (folder / ROOT).rglob("*")} == before
    assert jobs_of(run_toy(folder, "-n").stdout) == []


def test_from_a_stage_on(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    rules = {job.split()[0] for job in jobs_of(run_toy(folder, "-n", "--from", "decode").stdout)}
    assert rules == {
        *("gmm_loglikes", "nnet_loglikes", "adapted_loglikes", "adapted_nnet_loglikes"),
        *("decode_kaldi", "decode_k2"),
        *("score", "save_config", "make_report"),
    }


def test_until_a_stage(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--from", "mono", "--until", "align").stdout)
    programs = ("train_gmm", "align_gmm", "export_alignment")
    assert sorted(jobs) == sorted(f"{p} official {rung}" for p in programs for rung in RUNGS)


def test_forcing_a_stage_runs_what_follows_from_it(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--force", "lstm").stdout)
    rules = {job.split()[0] for job in jobs}
    assert rules == {
        "train_nnet",
        "adapted_nnet_loglikes",
        "decode_kaldi",
        "decode_k2",
        "score",
        "make_report",
    }
    assert all("mono" not in job for job in jobs)


def test_a_changed_option_runs_what_depends_on_it(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--set", "decode.beam=13").stdout)
    rules = {job.split()[0] for job in jobs}
    # The first search of an adapted model is a search, too.
    searches = {"decode_kaldi", "decode_k2", "adapted_loglikes", "adapted_nnet_loglikes"}
    assert rules == {*searches, "score", "save_config", "make_report"}


def test_a_touched_manifest_runs_nothing(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    os.utime(folder / ROOT / "official/data/train/cuts.jsonl.gz")
    os.utime(folder / ROOT / "lang/words.txt")
    assert jobs_of(run_toy(folder, "-n").stdout) == []


def test_stages_are_done(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    settings = [word for change in CHANGES for word in ("--set", change)]
    output = hybrid(folder, "stages", "demo", *settings).stdout
    assert {line.split()[1] for line in output.splitlines()} == {"done"}


def test_a_job_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    result = run_toy(tmp_path, "--until", "data", "--set", "features.sampling_rate=3000")
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("failed: prepare_data: error: ")
    assert "sampling_rate" in line


def test_a_missing_corpus_is_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    result = hybrid(tmp_path, "run", "fsdd", "--until", "data", "--set", f"corpus.dir={missing}")
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"failed: prepare_data: error: corpus.dir: {missing}: no such folder")
