"""pipeline/cli: what it makes of its arguments, and mistakes as one line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.arguments import parse_changes
from pipeline.cli.clock import bring_back
from pipeline.cli.running import snakemake_command, snakemake_settings, why_failed
from pipeline.config import ConfigError
from pipeline.workflow import REPOSITORY, load_recipe


@pytest.mark.parametrize(
    ("changes", "tree"),
    [
        ([], {}),
        (["seed=2"], {"seed": 2}),
        (["a.b=1", "a.c.d=x y", "a.b=2"], {"a": {"b": 2, "c": {"d": "x y"}}}),
        (["a={b: 1}", "a.c=null"], {"a": {"b": 1, "c": None}}),
        (["a=[x, 2, 0.5]"], {"a": ["x", 2, 0.5]}),
        (["a=b=c"], {"a": "b=c"}),
    ],
)
def test_changes_become_a_tree(changes: list[str], tree: dict[str, Any]) -> None:
    assert parse_changes(changes) == tree


@pytest.mark.parametrize("change", ["seed", "=1", "a..b=1", ".a=1", "a=[1", "a: b"])
def test_a_change_that_is_none(change: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_changes([change])


def test_a_value_has_nothing_below_it() -> None:
    with pytest.raises(ConfigError, match="a was set to a value before"):
        parse_changes(["a=1", "a.b=2"])


def test_settings_survive_the_way_through_snakemake() -> None:
    """What Snakemake's own parser makes of the words gives the same configuration."""
    from snakemake.cli import parse_config

    changes = parse_changes(
        ["seed=3", "decode.beam=12.5", "gmm.mono.realign_iterations=[1, 2]", "nnet=null",
         "title=Ein Test", "corpus.options={num_test: 4, snr_db: [10, 20]}"]
    )  # fmt: skip
    words = snakemake_settings("demo", changes)
    direct = load_recipe({**changes, "recipe": "demo"})
    through = load_recipe(parse_config(words))
    assert direct.model_dump(exclude={"corpus"}) == through.model_dump(exclude={"corpus"})
    assert through.nnet == {}
    assert through.title == "Ein Test"
    # Corpus options are not validated here, so what is in them is still text.
    assert through.corpus.options["num_test"] in (4, "4")


def test_stages_become_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    config = load_recipe({"recipe": "demo"})
    assert snakemake_command(config, {}) == ["snakemake", "--config", "recipe=demo"]
    words = snakemake_command(config, {"seed": 2}, first="lstm", last="score")
    assert words[:5] == ["snakemake", "until_score", "--config", "recipe=demo", "seed=2"]
    forced = words[words.index("--forcerun") + 1 :]
    assert forced[0] == "train_lstm"
    assert {"make_graph", "decode_k2", "score"} < set(forced)
    assert not {"prepare_data", "align_mono", "make_report"} & set(forced)
    only = snakemake_command(config, {}, forced=["lang"])
    assert only[-2:] == ["--forcerun", "prepare_lang"]


def test_from_after_until_is_a_mistake() -> None:
    config = load_recipe({"recipe": "demo"})
    with pytest.raises(ConfigError, match="--from decode comes after --until mono"):
        snakemake_command(config, {}, first="decode", last="mono")


def test_elsewhere_the_snakefile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = snakemake_command(load_recipe({"recipe": "demo"}), {})
    assert words[1:3] == ["--snakefile", str(REPOSITORY / "Snakefile")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], " demo, "),
        (["run", "demo", "--from", "lagn"], "stage lagn: unknown; the stages are data, features"),
        (["run", "demo", "--until", "x"], "stage x: unknown"),
        (["run", "demo", "--force", "x"], "stage x: unknown"),
        (["run", "demo", "--set", "decode.baem=1"], "config.yaml: decode.baem: unknown key"),
        (["run", "demo", "--set", "decode.baem=1"], "--set or --config, over "),
        (["run", "demo", "--set", "splits=official"], "splits: Input should be a list, as [a, b]"),
        (["run", "demo", "--set", "output=Makefile/x"], "Makefile is no folder; choose another"),
        (["run", "demo", "-n", "--set", "output=Makefile"], "Makefile is no folder"),
        (["run", "demo", "--set", "output=/proc/x"], "output /proc/x: cannot be made ("),
        (["pack", "demo", "lstm", "x", "--set", "output=exp/none"], "--until graph"),
        (["export", "recipes/demo", "--onnx", "x.onnx"], "recipes/demo: no network there"),
        (["run", "demo", "--set", "decode.beam=wide"], "decode.beam: "),
        (["stages", "nothing"], " demo, "),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    *before, line = result.output.splitlines()
    assert all(other.startswith("$ snakemake") for other in before)
    assert line.startswith("error: ")
    assert said in line


def test_stages_of_a_run_that_has_not_begun(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["stages", "demo", "--set", f"output={tmp_path}"])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[0] for line in lines][:3] == ["data", "features", "lang"]
    assert {line[1] for line in lines} == {"missing"}


def test_the_error_line_of_a_log_or_its_end(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("warming up\nerror: a.wav: no such file\nbye\n", encoding="utf-8")
    assert why_failed(str(log)) == "error: a.wav: no such file"
    log.write_text("".join(f"line {i}\n" for i in range(40)), encoding="utf-8")
    said = why_failed(str(log))
    assert said.endswith("line 39")
    assert "line 10" not in said
    assert why_failed(None) == why_failed(str(tmp_path / "none")) == "it left no log"


def test_an_empty_log_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "job.log"
    log.touch()
    assert why_failed(str(log)) == f"{log} is empty"
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    assert why_failed(str(log)).startswith("error: the disk is full; make room")


def test_files_from_the_future_are_brought_back(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    old, new = tmp_path / "old", tmp_path / "below" / "new"
    for path, moved in ((old, -100.0), (new, 86400.0)):
        path.touch()
        os.utime(path, (time.time() + moved,) * 2)
    before = old.stat().st_mtime
    assert bring_back(tmp_path) == 1
    assert old.stat().st_mtime == before
    assert before < new.stat().st_mtime <= time.time()
    assert bring_back(tmp_path) == bring_back(tmp_path / "missing") == 0


def test_usage_is_plain_where_nobody_looks() -> None:
    """Not on a terminal: no boxes, and each command shows how it is used."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: Missing argument 'RECIPE'."
    assert done.stderr.isascii()
    for command in app.registered_commands:
        assert command.callback is not None
        assert "Examples:" in (command.callback.__doc__ or ""), command.callback.__name__
