"""What the README says holds: its recipes, its example configuration, its commands."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from pipeline.cli import app
from pipeline.workflow import known_recipes

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_recipe_has_a_line() -> None:
    assert sorted(re.findall(r"^\| `([a-z_0-9]+)` \|", README, re.MULTILINE)) == known_recipes()


def test_commands_and_options_exist() -> None:
    known = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    }
    lines = re.findall(r"bin/hybrid (\w+)([^#\n]*)", README)
    assert len(lines) > 8
    for name, rest in lines:
        options = set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest))
        assert options <= known[name], f"hybrid {name} {rest}"


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_make_has_the_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (demo|test|setup|lint|clean)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_glossary_points_at_files_that_exist() -> None:
    glossary = (ROOT / "pipeline/glossary.md").read_text(encoding="utf-8")
    places = set(re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", glossary))
    assert len(places) > 15
    assert [place for place in places if not (ROOT / "pipeline" / place).exists()] == []
