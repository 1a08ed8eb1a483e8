"""Errors a user can mend are one line; errors of the program keep their traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.io.errors import UserError, run


def test_user_error_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("a.wav: u1: two\nlines; mend it")

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == 1
    assert capsys.readouterr().err == "error: a.wav: u1: two lines; mend it\n"


def test_missing_file_names_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        run(lambda: (tmp_path / "missing.txt").read_text())
    assert stop.value.code == 1
    message = capsys.readouterr().err
    assert "missing.txt: No such file" in message
    assert message.count("\n") == 1


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def test_success_returns(capsys: pytest.CaptureFixture[str]) -> None:
    run(lambda: None)
    assert capsys.readouterr().err == ""
