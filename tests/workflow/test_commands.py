"""The small commands of `hybrid`: compare, clean, doctor, why's mistakes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.clean import disk_usage, run_parts
from pipeline.cli.compare import compare_cells, find_run, read_cells
from pipeline.cli.costs import Cost
from pipeline.cli.doctor import (
    check_corpora,
    check_folder,
    check_k2,
    check_packages,
    check_python,
    read_pins,
)
from pipeline.cli.published_costs import read_costs
from pipeline.cli.transcribe import Form
from pipeline.io.errors import UserError
from pipeline.report.readme_table import BEGIN, END, table_of
from pipeline.workflow import REPOSITORY, load_recipe
from tests.report.toy_run import make_toy_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_run(tmp_path_factory.mktemp("exp") / "toy").root


def invoke(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output.splitlines()


def test_a_run_compared_with_itself_has_no_difference(run: Path) -> None:
    cells = read_cells(run)
    rows = list(compare_cells(cells, cells, (None, None)))
    assert len(rows) == len(cells)
    assert {(row.difference, row.low, row.high) for row in rows} == {(0.0, 0.0, 0.0)}
    for row in rows:
        split, grammar, model, decoder = row.cell.split()
        assert row.first == row.second
        fixed = cells[(split, grammar, model, decoder)]["fixed"]
        assert row.first == pytest.approx(100 * fixed["errors"] / fixed["words"])


def test_two_models_are_compared_the_right_way_round(run: Path) -> None:
    cells = read_cells(run)
    rows = list(compare_cells(cells, cells, ("mono", "lstm")))
    assert rows
    for row in rows:
        assert row.cell.split()[2:5] == ["mono", "→", "lstm"]
        assert row.difference == pytest.approx(row.second - row.first)
        assert row.low <= row.difference <= row.high
    assert any(row.second < row.first and row.probability_better > 0.9 for row in rows)


def test_compare_as_a_command(run: Path) -> None:
    status, lines = invoke("compare", f"{run}:mono", f"{run}:lstm")
    assert status == 0
    assert len(lines) == 2 * 2 * 2  # splits, grammars, decoders
    assert find_run(f"{run}:lstm") == (run, "lstm")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("nowhere", "nowhere"), "nowhere: no run"),
        (("{run}", "{run}:x"), ":x: no model x there; decoded are lstm, mono"),
    ],
)
def test_compare_says_what_is_missing(run: Path, names: tuple[str, str], said: str) -> None:
    status, (line,) = invoke("compare", *(name.format(run=run) for name in names))
    assert status == 1
    assert line.startswith("error: ")
    assert said in line


def test_compare_of_runs_with_nothing_in_common(run: Path, tmp_path: Path) -> None:
    for split in ("official", "theo"):
        shutil.copytree(run / split, tmp_path / split / split)
    status, (line,) = invoke("compare", str(tmp_path / "official"), str(tmp_path / "theo"))
    assert status == 1
    assert "no test set that both have scored" in line
    assert "name the models" in line


def test_a_damaged_score_is_named(tmp_path: Path) -> None:
    path = tmp_path / "official/decode/mono/loop/k2/wer.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(UserError, match=r"wer\.json: damaged"):
        read_cells(tmp_path)


@pytest.fixture
def small_run(tmp_path: Path) -> Path:
    root = tmp_path / "run"
    for name in ("data/a", "official/mono/hmm.json", "report/index.html", "mine/notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("12345")
    (root / "lang").mkdir()
    (root / "lang/link").symlink_to(root / "mine/notes.txt")
    return root


def clean(root: Path, *arguments: str) -> tuple[int, list[str]]:
    return invoke("clean", "demo", "--set", f"output={root}", *arguments)


def test_clean_tells_how_much_and_asks(small_run: Path) -> None:
    status, (line,) = clean(small_run)
    assert status == 1
    assert "2 files, 10 B" in line
    assert (small_run / "data/a").is_file()


def test_clean_keeps_the_report_and_what_is_not_the_runs(small_run: Path) -> None:
    status, _ = clean(small_run, "--yes")
    assert status == 0
    left = {str(p.relative_to(small_run)) for p in small_run.rglob("*") if p.is_file()}
    assert left == {"report/index.html", "mine/notes.txt"}
    clean(small_run, "--yes", "--all")
    left = {str(p.relative_to(small_run)) for p in small_run.rglob("*") if p.is_file()}
    assert left == {"mine/notes.txt"}
    assert clean(small_run, "--yes", "--all")[1][-1].endswith("nothing to remove")


def test_links_are_removed_and_not_followed(small_run: Path) -> None:
    config = load_recipe({"recipe": "demo", "output": str(small_run)})
    assert disk_usage(run_parts(config, everything=True)) == (3, 15)


def test_doctor_on_packages() -> None:
    pins = read_pins(REPOSITORY / "requirements/main.txt")
    assert pins["snakemake"] == "9.27.1"
    (finding,) = check_packages({"PyYAML": pins["PyYAML"]})
    assert finding.verdict == "ok"
    (finding,) = check_packages({"PyYAML": "0.1", "no-such-package": "1"})
    assert finding.verdict == "fault"
    assert "pinned 0.1" in finding.found
    assert "no-such-package missing" in finding.found
    assert "pip install" in finding.remedy


def test_doctor_on_python() -> None:
    assert [f.verdict for f in check_python((3, 11))] == ["ok"]
    assert [f.verdict for f in check_python((3, 12))] == ["fault"]


def test_doctor_on_a_python_without_k2() -> None:
    (finding,) = check_k2({"K2_PYTHON": sys.executable, "PATH": ""})
    assert finding.verdict == "fault"
    assert "No module named 'k2'" in finding.found
    (finding,) = check_k2({"K2_PYTHON": "/no/python"})
    assert "no such program" in finding.found


def test_doctor_on_folders(tmp_path: Path) -> None:
    assert [f.what for f in check_folder(tmp_path)] == ["disk"]
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").write_text("x")
    assert [f.what for f in check_folder(tmp_path)] == ["disk", "lock"]
    (finding,) = check_corpora({"CORPORA_DIR": str(tmp_path / "none")})
    assert finding.verdict == "fault"
    (tmp_path / "fsdd").mkdir()
    (finding,) = check_corpora({"CORPORA_DIR": str(tmp_path)})
    assert (finding.verdict, finding.found) == ("note", f"fsdd in {tmp_path}")


def test_why_of_a_file_that_is_of_no_recipe() -> None:
    status, (line,) = invoke("why", "somewhere/else.txt")
    assert status == 1
    assert "in no recipe's folder" in line


def test_help_has_examples_and_every_command() -> None:
    status, lines = invoke("--help")
    assert status == 0
    text = " ".join(lines)
    for name in ("run", "stages", "plan", "why", "align", "report", "compare", "clean", "doctor"):
        assert f" {name} " in text
        assert (
            any(f"hybrid {name}" in line for line in invoke(name, "--help")[1]) or name == "doctor"
        )


def test_the_shell_is_offered_recipes() -> None:
    """What bash asks when the user presses the tab key."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli"],
        env={
            "PYTHONPATH": str(REPOSITORY),
            "_HYBRID_COMPLETE": "complete_bash",
            "COMP_WORDS": "hybrid stages yes",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["yesno"]


def test_report_of_a_run_that_is_not_there(tmp_path: Path) -> None:
    status, (line,) = invoke("report", "demo", "--set", f"output={tmp_path / 'none'}")
    assert status == 1
    assert "no run there" in line


def test_published_is_what_was_scored_with_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_toy_run(tmp_path / "toy").root
    monkeypatch.setattr("pipeline.cli.results.REPOSITORY", tmp_path)
    monkeypatch.setattr("pipeline.cli.results.shown", str)
    page = tmp_path / "recipes/demo/RESULTS.md"
    page.parent.mkdir(parents=True)
    readme = page.with_name("README.md")
    readme.write_text(f"# demo\n{BEGIN}of old\n{END}end\n", encoding="utf-8")
    options = ("--set", f"output={root}", "--set", "splits=[official, theo]")
    status, _ = invoke("report", "demo", "--publish", *options)
    assert status == 0
    kept = page.read_text(encoding="utf-8")
    assert " | official loop | theo loop |\n" in table_of(kept)
    measured = json.loads((root / "report/results.json").read_text(encoding="utf-8"))["stages"]
    costs = read_costs(page.parent)
    assert {job["job"] for job in measured} == set(costs)
    assert costs["official/lstm"] == Cost(79.6, 512.0, 0)
    assert read_costs(tmp_path) == {}
    told = readme.read_text(encoding="utf-8")
    assert told == f"# demo\n{BEGIN}\n{table_of(kept)}\n\n{END}end\n"
    assert "`hybrid report demo --set 'splits=[official, theo]' --publish`" in kept
    others = ("--set", "models=[lstm]", "--set", "decode.decoders=[native]")
    status, lines = invoke("report", "demo", "--publish", *options, *others)
    assert status == 1
    assert lines[-1].startswith(f"error: {root}: nothing of this configuration has been scored")
    assert page.read_text(encoding="utf-8") == kept


def test_report_of_an_unfinished_run(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path / "run")
    (toy.root / "theo/decode/lstm/loop/k2/wer.json").unlink()
    status, _ = invoke(
        *("report", "demo", "--set", f"output={toy.root}", "--set", "splits=[official, theo]"),
        *("--set", "gmm={tri1: null, tri2b: null, tri3b: null}"),
        *("--set", "nnet={lstm: {alignment: mono, features: cepstra}}"),
    )
    assert status == 0
    results = json.loads((toy.root / "report/results.json").read_text(encoding="utf-8"))
    assert results["wer"]


def test_transcribe_knows_the_formats_of_its_program() -> None:
    from pipeline.decode.transcript_files import FORMATS

    assert set(Form) == set(FORMATS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no FILE"),
        (["a.wav", "--sampling-rate", "8000"], "--sampling-rate is for --stream"),
        (["a.wav", "--stream"], "leave out the files"),
        (["--stream", "--format", "srt"], "forms txt and json"),
        (["--stream", "--bayes-risk"], "not for --stream"),
    ],
)
def test_transcribe_refuses_what_does_not_go_together(arguments: list[str], said: str) -> None:
    status, lines = invoke("transcribe", *arguments, "--model", "m")
    assert status == 1
    (line,) = lines
    assert said in line


def test_transcribe_hands_a_stream_over(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "none")
    status, _ = invoke("transcribe", "--stream", "--model", folder, "--sampling-rate", "8000")
    assert status == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {folder}: no manifest.json")


def test_transcribe_hands_over_files_and_options(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, _ = invoke("transcribe", "a.wav", "--model", str(tmp_path / "none"), "--format", "srt")
    assert status == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert str(tmp_path / "none") in line
