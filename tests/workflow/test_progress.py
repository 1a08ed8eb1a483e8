"""pipeline/cli/progress.py: what is printed of jobs, as lines and in a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.cli.progress import Bars, PlainLines, finished_line, last_line
from pipeline.snakemake_messages import Finished, Job


def job(**details: str) -> Job:
    return Job("train_mono", {"wildcards": "split=a, rung=mono", **details})


def test_a_finished_job_is_one_line() -> None:
    usual = Finished(job(reason="Missing output files: x"), 2.345, 3, 56)
    assert finished_line(usual) == "[ 3/56] train_mono a mono: 2.3 s"
    changed = Finished(job(reason="Code has changed since last execution"), 1.0, 10, 10)
    assert finished_line(changed).endswith("1.0 s (Code has changed since last execution)")
    params = "Params have changed since last execution: Union of exclusive params: 'a' now: 'b'"
    assert finished_line(Finished(job(reason=params), 1.0, 10, 10)).endswith(
        "1.0 s (Options or code have changed since last execution)"
    )


def test_plain_lines_leave_out_jobs_without_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainLines() as display:
        display.started(job())
        display.finished(Finished(job(), 1.0, 1, 2))
        display.finished(Finished(job(log="x.log"), 1.0, 2, 2))
        display.failed(job(), "error: no")
    said = capsys.readouterr()
    assert said.out.splitlines() == ["[2/2] train_mono a mono: 1.0 s"]
    assert said.err.splitlines() == ["failed: train_mono a mono: error: no"]


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert last_line(log) == ""
    log.write_text("one\n" * 1000 + "epoch 3/14 loss 1.2\n\n")
    assert last_line(log) == "epoch 3/14 loss 1.2"
    log.write_bytes(b"\xff" * 1000)
    assert len(last_line(log)) <= 60


def test_bars_show_the_running_job_its_usual_time_and_its_log(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("epoch 3/14 loss 1.2\n")
    (tmp_path / "x.tsv").write_text("s\n75.0\n")
    running = job(log=str(tmp_path / "x.log"), benchmark=str(tmp_path / "x.tsv"))
    bars = Bars()
    terminal = Console(file=io.StringIO(), force_terminal=True, width=160)
    bars.started(running)
    bars.started(job())
    terminal.print(bars._progress.get_renderable())
    assert isinstance(terminal.file, io.StringIO)
    shown = terminal.file.getvalue()
    assert "train_mono a mono" in shown
    assert "of about 1 min 15 s" in shown
    assert "epoch 3/14 loss 1.2" in shown
    bars.finished(Finished(running, 3.0, 1, 4))
    terminal.file = io.StringIO()
    terminal.print(bars._progress.get_renderable())
    shown = terminal.file.getvalue()
    assert "1/4" in shown
    assert "train_mono" not in shown
