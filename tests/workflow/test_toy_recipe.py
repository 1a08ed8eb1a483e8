"""The whole Snakefile on a toy corpus: from audio to the report, again, and in parts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.arguments import parse_changes
from pipeline.workflow import load_recipe, program_environment, stage_files
from tests.workflow.toy_recipe import CHANGES, FEW, NUM_WORDS, compare, hybrid, run_toy

ROOT = Path("exp/demo")
CONFIG = load_recipe(parse_changes(list(CHANGES)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the toy recipe has run, and what was printed."""
    folder = tmp_path_factory.mktemp("toy")
    result = run_toy(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


RUNGS = ("mono", "tri1", "tri2b", "tri3b")


def plain_snakemake(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """A printed command, run by this Python."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **program_environment(os.environ, conda=False)},
        capture_output=True,
        text=True,
        check=False,
    )


def rules_of_output(output: str) -> set[str]:
    """Rules that Snakemake's own dry run lists."""
    return set(re.findall(r"^(?:local)?rule (\w+):$", output, re.MULTILINE))


def jobs_of(output: str) -> list[str]:
    """Names of the jobs that a dry run would run."""
    lines = output.splitlines()
    assert re.fullmatch(r"\d+ jobs would run|nothing to be done", lines[-1]), output
    return [line.partition(":")[0] for line in lines[1:-1]]


def test_every_stage_leaves_its_files(finished: tuple[Path, str]) -> None:
    folder, output = finished
    for stage, files in stage_files(CONFIG).items():
        assert [file for file in files if not (folder / file).is_file()] == [], stage
    assert "train_mono official mono: " in output
    assert list(folder.rglob("*.partial")) == []


def test_results_are_shown_and_are_those_of_both_decoders(finished: tuple[Path, str]) -> None:
    folder, output = finished
    assert f"{ROOT}/report/index.html" in output
    assert "WER %" in output
    results = json.loads((folder / ROOT / "report/results.json").read_text(encoding="utf-8"))
    assert {(row["model"], row["decoder"]) for row in results["wer"]} == {
        (model, decoder) for model in CONFIG.decoded_models for decoder in ("k2", "kaldi")
    }
    assert {row["fixed"]["words"] for row in results["wer"]} == {NUM_WORDS}
    # Words drawn at random would have about 90 % of errors.
    assert min(row["fixed"]["wer"] for row in results["wer"]) < 50


def test_both_decoders_find_the_same_words(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    for model in CONFIG.decoded_models:
        decoded = folder / ROOT / "official/decode" / model / "loop"
        k2, kaldi = (decoded / name / "hyp.trn" for name in ("k2", "kaldi"))
        assert k2.read_text(encoding="utf-8") == kaldi.read_text(encoding="utf-8"), model


def test_a_second_run_does_nothing(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (folder / ROOT).rglob("*")}
    result = run_toy(folder)
    assert result.returncode == 0
    assert "[" not in result.stdout.splitlines()[1], result.stdout
    assert {path: path.stat().st_mtime_ns for path in (folder / ROOT).rglob("*")} == before
    assert jobs_of(run_toy(folder, "-n").stdout) == []


def rules_of(jobs: list[str]) -> set[str]:
    return {job.split()[0] for job in jobs}


SEARCH = {"decode_kaldi", "decode_k2", "score", "wer_by_epoch", "make_report"}
ADAPTED = {"adapted_loglikes", "adapted_nnet_loglikes"}


def test_from_a_stage_on(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--from", "decode").stdout)
    assert rules_of(jobs) == SEARCH | ADAPTED | {"gmm_loglikes", "save_config"}


def test_until_a_stage(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--from", "mono", "--until", "align").stdout)
    assert sorted(jobs) == sorted(
        f"{verb}_{rung} official {rung}"
        for verb in ("train", "align", "export")
        for rung in CONFIG.gmm
    )


def test_forcing_a_stage_runs_what_follows_from_it(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--force", "lstm").stdout)
    assert rules_of(jobs) == SEARCH | {"train_lstm", "adapted_nnet_loglikes"}
    assert [job for job in jobs if "lstm" not in job.split()] == ["make_report"]


def test_plain_snakemake_forces_and_stops_too(finished: tuple[Path, str]) -> None:
    folder, output = finished
    printed = shlex.split(output.splitlines()[0].removeprefix("$ "))
    command = [*printed, "--dry-run", "--forcerun", "train_tri1", "--until", "align_tri2b"]
    result = plain_snakemake(folder, command)
    assert result.returncode == 0, result.stderr
    assert rules_of_output(result.stdout) == {
        *("train_tri1", "align_tri1", "train_tri2b", "align_tri2b"),
    }


def test_a_changed_option_runs_what_depends_on_it(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    jobs = jobs_of(run_toy(folder, "-n", "--set", "decode.beam=31").stdout)
    assert rules_of(jobs) == SEARCH | ADAPTED | {"save_config"}


def test_a_touched_manifest_runs_nothing(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    os.utime(folder / ROOT / "official/data/train/cuts.jsonl.gz")
    os.utime(folder / ROOT / "lang/words.txt")
    assert jobs_of(run_toy(folder, "-n").stdout) == []


def ask(folder: Path, command: str, *arguments: str) -> str:
    """Output of a command that only looks."""
    settings = [word for change in CHANGES for word in ("--set", change)]
    what = [] if command == "why" else ["demo"]
    result = hybrid(folder, command, *what, *settings, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def table_of(output: str) -> dict[str, list[str]]:
    """First word of each line -> the others."""
    return {line.split()[0]: line.split()[1:] for line in output.splitlines()}


def test_stages_are_done_and_were_measured(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    table = table_of(ask(folder, "stages"))
    assert list(table)[:-1] == list(stage_files(CONFIG))
    assert {state for state, *_ in list(table.values())[:-1]} == {"done"}
    assert all("-" not in row[2:] for row in list(table.values())[:-1])  # each has time and disk
    assert ask(folder, "plan").splitlines() == ["nothing to be done"]


def test_a_change_shows_where_it_acts_and_what_follows(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    change = ("--set", "gmm.tri1.num_gaussians=140")
    table = table_of(ask(folder, "stages", *change))
    done = {stage for stage, row in table.items() if row[0] == "done"}
    assert done == {"data", "features", "lang", "mono"}
    assert " ".join(table["tri1"]).endswith("changed options: num_gaussians 150 → 140")
    assert " ".join(table["tri2b"]).endswith("follows from tri1")
    said = ask(folder, "why", f"{ROOT}/official/tri2b/hmm.json", *change)
    assert said.splitlines()[1:] == [
        "because of train_tri1 official tri1 (stage tri1): changed options: num_gaussians 150 → 140"
    ]
    up_to_date = ask(folder, "why", f"{ROOT}/official/mono/hmm.json", *change)
    assert up_to_date.splitlines()[1:] == ["up to date"]
    plan = ask(folder, "plan", "--until", "align", *change)
    assert {"tri1", "tri2b", "tri3b", "align"} <= table_of(plan).keys()
    assert not {"mono", "lstm", "decode"} & table_of(plan).keys()


def test_what_the_commands_show_is_what_snakemake_would_run(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    change = ("--set", "decode.lm_weights=[10]")
    jobs = jobs_of(run_toy(folder, "-n", *change).stdout)
    planned = ask(folder, "plan", *change)
    # Writing config.json is a moment's work without a log, which a dry run does not list.
    assert f"{len(jobs)} jobs would run" in planned or f"{len(jobs) + 1} jobs would run" in planned


def test_a_missing_file_and_a_changed_input_are_reasons(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    words, kept = folder / ROOT / "lang/words.txt", folder / "kept"
    os.replace(words, kept)
    try:
        said = ask(folder, "why", f"{ROOT}/lang/words.txt")
        assert said.splitlines()[1:] == ["missing, but nothing that would run needs it"]
        said = ask(folder, "why", f"{ROOT}/lang/words.txt", "--set", "gmm.mono.num_gaussians=99")
        assert said.splitlines()[1:] == [f"because: missing: {ROOT}/lang/words.txt"]
        assert "1 files are gone" in " ".join(table_of(ask(folder, "stages"))["lang"])
        words.write_text(kept.read_text() + "EXTRA 99\n")
        said = ask(folder, "why", f"{ROOT}/official/mono/hmm.json")
        assert f"because: changed input: {ROOT}/lang/words.txt" in said.splitlines()
    finally:
        os.replace(kept, words)
    assert ask(folder, "plan").splitlines() == ["nothing to be done"]


def test_a_lost_archive_is_made_again_when_a_job_needs_it(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    features = folder / ROOT / "features"
    listed, archive = features / "archives.json", features / "1/feats.ark"
    kept = listed.read_bytes(), folder / "kept"
    os.replace(archive, kept[1])
    try:
        assert jobs_of(run_toy(folder, "-n").stdout) == []
        jobs = jobs_of(run_toy(folder, "-n", "--force", "lstm", "--until", "lstm").stdout)
        assert {"extract_features 1", "merge_features", "train_lstm official lstm"} <= set(jobs)
        assert "extract_features 0" not in jobs
    finally:
        os.replace(kept[1], archive)
        listed.write_bytes(kept[0])
    assert jobs_of(run_toy(folder, "-n").stdout) == []


def test_one_core_and_a_search_in_shards_give_the_same_bytes(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    settings = [word for change in (*FEW, "decode.num_shards=2") for word in ("--set", change)]
    result = run_toy(tmp_path, *settings, "--jobs", "1", "--until", "score")
    assert result.returncode == 0, result.stdout + result.stderr
    alike, other = compare(tmp_path / ROOT, finished[0] / ROOT)
    assert other == []
    assert len(alike) > 40


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
