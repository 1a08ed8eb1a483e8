"""No code here loads a pickle: a file of another's could run anything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE = {("torch", "load"), ("yaml", "load"), ("yaml", "unsafe_load"), ("pandas", "read_pickle")}


def loads_of(source: str) -> list[str]:
    """Imports and calls by which a pickle could be read."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in FORBIDDEN]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [module] if module.split(".")[0] in FORBIDDEN else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if (owner, node.func.attr) in UNSAFE:
                found.append(f"{owner}.{node.func.attr}")
            found += [
                "allow_pickle"
                for word in node.keywords
                if word.arg == "allow_pickle"
                and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            ]
    return found


def test_no_pickle_is_loaded() -> None:
    files = [path for top in ("pipeline", "local") for path in sorted((ROOT / top).rglob("*.py"))]
    assert len(files) > 200
    found = {str(p.relative_to(ROOT)): loads_of(p.read_text(encoding="utf-8")) for p in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader)",
    ],
)
def test_each_way_is_found(source: str) -> None:
    assert len(loads_of(source)) == 1


def test_safe_ones_are_not() -> None:
    assert loads_of("np.load(path, allow_pickle=False); yaml.safe_load(text); json.load(f)") == []
