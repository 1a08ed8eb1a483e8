"""Digest of the code that a stage runs: comments, docstrings and layout do not count."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from pathlib import Path

PACKAGES = ("pipeline", "local")
# Options reach a program as JSON on its command line, so a change of an unrelated option model
# must not count as a change of its code.
NOT_DIGESTED = "pipeline.config"

Entry = tuple[str, list[str]]  # digest of one module, names that it imports from this repository


class CodeDigests:
    """Digests of modules, each with all that it imports from the repository.

    Parsing a hundred files takes half a second, so what was learned of a file is kept in `cache`
    under the hash of its bytes.
    """

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self.root = root
        self.cache = cache
        self._modules: dict[str, Entry] = {}
        self._files: dict[str, Path | None] = {}
        self._known: dict[str, Entry] = _read(cache) if cache else {}
        self._used: dict[str, Entry] = {}
        self._parts: dict[str, dict[str, str]] = {}  # digest -> module -> its own digest

    def of(self, *modules: str) -> str:
        """16 hexadecimal digits that change when code reached from `modules` changes.

        Args:
            modules: dotted names, such as pipeline.bin.train_gmm; one that does not exist counts
                as such, and its job will say so.
        """
        needed: set[str] = set()
        todo = list(modules)
        while todo:
            module = todo.pop()
            if module not in needed and not (module + ".").startswith(NOT_DIGESTED + "."):
                needed.add(module)
                todo.extend(self._module(module)[1])
        parts = {module: self._module(module)[0] for module in sorted(needed)}
        digest = hashlib.sha256()
        for module, part in parts.items():
            digest.update(f"{module} {part}\n".encode())
        name = digest.hexdigest()[:16]
        self._parts[name] = parts
        return name

    def save(self) -> None:
        """Write the cache if it would change; a place that cannot be written is no error."""
        if self.cache is None:
            return
        try:
            for name, parts in self._parts.items():
                kept = _parts_file(self.cache, name)
                if not kept.exists():
                    _write(kept, parts)
            if not self._used.keys() <= self._known.keys():
                _write(self.cache, self._used)
        except OSError:
            return

    def _file(self, module: str) -> Path | None:
        if module not in self._files:  # asked for some thousand times
            path = self.root.joinpath(*module.split("."))
            places = (path.with_suffix(".py"), path / "__init__.py")
            self._files[module] = next((place for place in places if place.is_file()), None)
        return self._files[module]

    def _module(self, module: str) -> Entry:
        if module not in self._modules:
            file = self._file(module)
            if file is None:
                return "missing", []
            text = file.read_bytes()
            key = hashlib.sha256(module.encode() + b"\0" + text).hexdigest()
            entry = self._known.get(key) or self._parse(module, file, text)
            self._modules[module] = self._used[key] = entry
        digest, imported = self._modules[module]
        return digest, [name for name in imported if self._file(name)]

    def _parse(self, module: str, file: Path, text: bytes) -> Entry:
        tree = ast.parse(text, str(file))
        imported = imported_names(tree)
        for node in ast.walk(tree):
            _strip_docstring(node)
        return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), sorted(imported)


def _parts_file(cache: Path, name: str) -> Path:
    return cache.with_name("code") / f"{name}.json"


def _write(path: Path, value: object) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps(value), encoding="utf-8")
    os.replace(partial, path)


def changed_modules(cache: Path, before: str, now: str) -> list[str]:
    """Modules by which two digests differ; empty if one of them was never saved beside `cache`."""
    parts = []
    for name in (before, now):
        try:
            parts.append(dict(json.loads(_parts_file(cache, name).read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            return []
    old, new = parts
    return sorted(module for module in old | new if old.get(module) != new.get(module))


def _read(cache: Path) -> dict[str, Entry]:
    """What an earlier run kept; a cache that is missing or damaged is empty."""
    try:
        raw = json.loads(cache.read_text(encoding="utf-8"))
        return {str(key): (str(entry[0]), list(entry[1])) for key, entry in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return {}


def imported_names(tree: ast.AST) -> set[str]:
    """Dotted names below PACKAGES that the code imports, anywhere in it.

    `from a.b import c` gives a.b and a.b.c: c may be a module.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] in PACKAGES}


def _strip_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:]
