"""Every input of the study can be made with the command that the study's Snakefile has for it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pipeline.study.design import load_study
from pipeline.study.sources import SOURCES
from pipeline.study.tables import label
from pipeline.workflow import REPOSITORY, load_recipe
from tests.workflow.snakemake_program import run_snakemake

RECIPE = REPOSITORY / "recipes" / "clipping_study"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Snakemake commands of the rule `recipe`, as the study's own dry run prints them."""
    outer = ("--snakefile", str(RECIPE / "Snakefile"), "-n", "-p", "--config", "output=s")
    result = run_snakemake(tmp_path_factory.mktemp("study"), *outer)
    assert result.returncode == 0, result.stdout + result.stderr
    shown = "Shell command: "
    lines = [line for line in result.stdout.splitlines() if line.startswith(shown)]
    words = [shlex.split(line.removeprefix(shown).partition(" &> ")[0]) for line in lines]
    return [command for command in words if command[:3] == ["python", "-m", "snakemake"]]


def test_the_study_asks_for_every_input_that_its_questions_name(commands: list[list[str]]) -> None:
    study = load_study(RECIPE / "study.yaml")
    named = {cell.inputs for name in study.questions for cell in study.cells(name)}
    assert named == set(SOURCES)
    assert len(commands) == len(SOURCES)


def test_synthetic_speech_is_named_so_wherever_it_is_told_of() -> None:
    spoken = {name: load_recipe({"recipe": source.recipe}) for name, source in SOURCES.items()}
    made = {name for name, recipe in spoken.items() if recipe.corpus.name == "synth"}
    assert made
    assert {name for name in SOURCES if "(synthetic speech)" in label(name)} == made
    page = (RECIPE / "README.md").read_text(encoding="utf-8")
    for name in SOURCES:
        cells = re.findall(rf"^\| {name}( \(synthetic speech\))? \|", page, re.MULTILINE)
        assert all(bool(said) == (name in made) for said in cells)
        assert not (name in made and re.search(rf"\({name}, ", page))  # in an answer
    rows = re.findall(r"^\| corpus \| .*$", page, re.MULTILINE)
    assert rows
    assert all("; 3 on synthetic speech |" in row for row in rows)


@pytest.mark.parametrize("name", SOURCES)
def test_the_recipe_of_an_input_can_be_run(
    name: str, commands: list[list[str]], tmp_path: Path
) -> None:
    (command,) = [words for words in commands if f"output=s/{name}" in words]
    result = run_snakemake(tmp_path, *command[3:], "-n")
    assert result.returncode == 0, result.stdout + result.stderr
    for target in SOURCES[name].targets(f"s/{name}"):
        assert target in result.stdout
