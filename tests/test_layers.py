"""Imports point one way: along the flow of the data."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.code_digest import imported_names

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (  # earlier ... later
    *("io", "data", "features", "hmm", "gmm", "align"),
    *("nnet", "graph", "lm", "decode", "serve", "score", "synthesis", "report", "study"),
)
# Beside the layers: what they are, and what they may import below pipeline/.
ANYONE = {"config"}  # the options, for all
TOP = {"workflow", "code_digest", "snakemake_messages", "cli", "bin"}  # imported by no layer


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def part_of(module: str) -> str | None:
    """pipeline.gmm.train -> gmm; a name outside pipeline/ is None."""
    names = module.split(".")
    return names[1] if names[0] == "pipeline" and len(names) > 1 else None


def allowed(part: str, imported: str) -> bool:
    """Whether a module of `part` may import one of `imported`."""
    if part == imported or imported in ANYONE:
        return True
    if part in ANYONE:
        return False
    if part in TOP:
        return imported != "bin"
    return imported in LAYERS and LAYERS.index(imported) <= LAYERS.index(part)


def wrong_imports(path: Path, source: str) -> list[str]:
    part = path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
    found = []
    for module in sorted(imported_names(ast.parse(source))):
        imported = part_of(module)
        if module.split(".")[0] == "local":
            if part not in TOP:
                found.append(module)
        elif imported is not None and not allowed(part, imported):
            found.append(module)
    return found


def test_every_folder_is_a_layer() -> None:
    folders = {path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")}
    assert folders == {*LAYERS, *ANYONE, "workflow", "bin", "cli"}


def test_the_check_finds_an_import_that_points_back() -> None:
    path = ROOT / "pipeline/data/example.py"
    source = "from pipeline.io.atomic import x\ndef f():\n    from pipeline.gmm import train\n"
    assert wrong_imports(path, source) == ["pipeline.gmm", "pipeline.gmm.train"]
    assert wrong_imports(path, "import local.fsdd\nimport pipeline.bin.score") == [
        "local.fsdd",
        "pipeline.bin.score",
    ]


@pytest.mark.parametrize("part", [*LAYERS, "bin", "cli"])
def test_a_stage_imports_only_what_comes_before_it(part: str) -> None:
    files = python_files(f"pipeline/{part}")
    assert files
    wrong = {path.name: wrong_imports(path, path.read_text("utf-8")) for path in files}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_modules_at_the_top() -> None:
    wrong = {}
    for path in (ROOT / "pipeline").glob("*.py"):
        wrong[path.name] = wrong_imports(path, path.read_text("utf-8"))
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_corpus_uses_no_stage_after_the_data() -> None:
    wrong = {}
    for path in python_files("local"):
        names = imported_names(ast.parse(path.read_text("utf-8")))
        parts = {part_of(name) for name in names} - {None, "io", "data", "config"}
        wrong[path.name] = parts
    assert {name: found for name, found in wrong.items() if found} == {}
