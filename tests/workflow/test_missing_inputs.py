"""A file that no job makes is said in one line, by every command that asks Snakemake."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.missing_inputs import explain_missing_inputs

SOURCE = "exp/speech_commands_narrow/official/lstm/model.json"


@pytest.mark.parametrize("words", [["run", "-n"], ["run"], ["plan"], ["stages"]])
def test_every_command_names_the_recipe_that_makes_it(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [words[0], "transfer", *words[1:]])
    assert result.exit_code != 0
    (line,) = [line for line in result.output.splitlines() if line.startswith("error:")]
    assert line == (
        f"error: {SOURCE}: no such file (and 1 more), which train_transferred needs; "
        "`hybrid run speech_commands_narrow` makes it"
    )


def test_a_users_own_file() -> None:
    said = (
        "Missing input files for rule make_grammar:\n    output: G.fst\n    wildcards: grammar=x\n"
        "    affected files:\n        lm.arpa\nShutting down\n"
    )
    assert explain_missing_inputs(said, ["demo"]) == (
        "lm.arpa: no such file, which make_grammar needs; put it there, or mend the option that "
        "names it"
    )
    assert explain_missing_inputs("Error in rule make_grammar:", ["demo"]) is None
