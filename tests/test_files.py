"""Every file says its purpose in its first line and has a name that says it too."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path
    for folder in ("pipeline", "local", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
VAGUE_NAMES = ("util", "helper", "misc", "common")
CORPORA = ("common_voice",)  # names that are not ours to choose


def test_there_are_files() -> None:
    assert len(FILES) > 100


def test_every_file_begins_with_its_purpose() -> None:
    without = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text))
        first = text.splitlines()[0] if text else ""
        if not docstring or not first.lstrip("r").startswith('"""') or len(first) < 10:
            without.append(str(path.relative_to(ROOT)))
    assert without == []


def test_no_file_is_a_drawer_for_everything() -> None:
    vague = [
        path.name
        for path in FILES
        if path.stem not in CORPORA
        and any(word in path.stem.split("_") or path.stem == f"{word}s" for word in VAGUE_NAMES)
    ]
    assert vague == []


def test_no_rule_runs_python_inside_snakemake() -> None:
    rules = [ROOT / "Snakefile", *sorted((ROOT / "pipeline/rules").glob("*.smk"))]
    rules += sorted((ROOT / "recipes").glob("*/Snakefile"))
    assert len(rules) > 14
    for path in rules:
        text = path.read_text(encoding="utf-8")
        assert "run:" not in text.split()
        assert "script:" not in text.split()
        assert text.startswith("# ")
