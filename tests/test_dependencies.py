"""pip, conda and pyproject name the same versions, and those are the ones that are installed."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


def normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def lines_of(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pins(lines: list[str]) -> dict[str, str]:
    """Name -> version; each line must pin one version and each name stands once."""
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)==([^\s;]+)( --hash=sha256:[0-9a-f]{64})?", line)
        assert match, f"not pinned: {line}"
        assert normal(match[1]) not in found, f"twice: {line}"
        found[normal(match[1])] = match[2]
    return found


def conda_pins(path: Path) -> list[str]:
    (pip,) = [
        part["pip"]
        for part in yaml.safe_load(path.read_text())["dependencies"]
        if isinstance(part, dict)
    ]
    return list(pip)


MAIN = pins(lines_of(ROOT / "requirements/main.txt"))
DEV = pins(lines_of(ROOT / "requirements/dev.txt"))
K2_LINES = lines_of(ROOT / "requirements/k2.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def needed_by(names: list[str]) -> set[str]:
    """All that the installed packages need, directly or through others."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = normal(todo.pop())
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def test_conda_agrees_with_pip() -> None:
    assert pins(conda_pins(ROOT / "environment.yml")) == MAIN
    assert conda_pins(ROOT / "pipeline/envs/k2.yaml") == K2_LINES


def test_project_names_versions_of_the_lists() -> None:
    direct = pins(PROJECT["dependencies"])
    assert direct.items() <= MAIN.items()
    tools = pins(PROJECT["optional-dependencies"]["dev"])
    assert tools.items() <= DEV.items()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert pins(build).items() <= MAIN.items()


def test_lists_do_not_overlap() -> None:
    assert not MAIN.keys() & DEV.keys()


def test_lists_hold_all_that_is_needed_and_nothing_else() -> None:
    # A GPU build of torch brings CUDA's libraries, which no list names.
    def cuda(name: str) -> bool:
        return name.startswith(("nvidia-", "cuda-")) or name == "triton"

    direct = [*pins(PROJECT["dependencies"]), "setuptools"]
    assert {name for name in needed_by(direct) if not cuda(name)} == set(MAIN)
    tools = list(pins(PROJECT["optional-dependencies"]["dev"]))
    assert needed_by(tools) - set(MAIN) == set(DEV)


def test_installed_versions_are_the_pinned_ones() -> None:
    installed = {name: metadata.version(name).partition("+")[0] for name in MAIN | DEV}
    expected = {name: version.partition("+")[0] for name, version in (MAIN | DEV).items()}
    assert installed == expected


def test_k2_is_pinned_to_the_build_for_this_python() -> None:
    # Its tag is malformed, so without the hash pip takes the build for Python 3.9.
    assert (
        "k2==1.23.4 --hash=sha256:5b5f709b12b9cd092b583984d0b7d940c9f898101259c998d68d1f4adefa48d4"
    ) in K2_LINES
    assert all("--hash=sha256:" in line for line in K2_LINES)
    versions = pins(K2_LINES)
    assert versions["torch"] == "1.13.1"
    assert int(versions["numpy"].split(".")[0]) < 2
