"""Reading and validating a configuration; every error is one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.config.base import NAME, ConfigError
from pipeline.config.recipe import Config

OWN_KEYS = ("recipe", "title", "output")


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; compare with pipeline/config/"
    message = message.replace("a valid tuple", "a list, as [a, b]")
    more = error.error_count() - 1
    return (f"{where}: " if where else "") + message + (f" (and {more} more)" if more else "")


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Deep merge: mappings key by key, everything else is replaced, null removes a key."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
            continue
        old = merged.get(key)
        merged[key] = (
            merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def _read_file(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such configuration; recipes are the folders of recipes/"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(raw).__name__}")
    return raw


def _read_with_base(path: Path, heirs: tuple[str, ...] = ()) -> dict[str, Any]:
    """A recipe's file merged over that of the recipe which its key `base` names, and so on.

    Args:
        heirs: recipes that this one is a base of, the first one asked for first.
    """
    raw = _read_file(path)
    if "base" not in raw:
        return raw
    base = raw.pop("base")
    if not isinstance(base, str) or re.fullmatch(NAME, base) is None:
        raise ConfigError(f"{path}: base: {base!r}: must be the name of another recipe")
    chain = (*heirs, path.parent.name)
    if base in chain:
        way = " -> ".join((*chain[chain.index(base) :], base))
        raise ConfigError(f"{path}: base: the recipes inherit in a circle: {way}")
    found = path.parent.parent / base / path.name
    if not found.is_file():
        raise ConfigError(f"{path}: base: there is no recipe {base} ({found})")
    inherited = _read_with_base(found, chain)
    # A recipe's name and title say what it is: those of another one would be wrong.
    own = {key: value for key, value in inherited.items() if key not in OWN_KEYS}
    return merge(own, raw)


def load_config(path: Path, changes: dict[str, Any] | None = None) -> Config:
    """Read and validate a recipe's configuration.

    A file with `base: RECIPE` holds what differs from that recipe's file, in the folder beside its
    own: mappings are merged key by key, null puts a key back to its default. Recipe, title and
    output are not inherited.

    Args:
        path: YAML file.
        changes: nested values that replace the file's (from the command line).
    Raises:
        ConfigError: one line that names the file, the key and what is wrong.
    """
    raw = _read_with_base(path)
    try:
        return Config.model_validate(merge(raw, changes or {}))
    except ValidationError as error:
        source = f"--set or --config, over {path}" if changes and _is_valid(raw) else f"{path}"
        raise ConfigError(f"{source}: {_first_error(error)}") from None


def _is_valid(raw: dict[str, Any]) -> bool:
    try:
        Config.model_validate(raw)
    except ValidationError:
        return False
    return True
