"""Which recipes there are, and their configuration."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.config import Config, ConfigError, load_config

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DEFAULT_RECIPE = "demo"


def known_recipes(folder: Path = REPOSITORY / "recipes") -> list[str]:
    """Names of the recipes, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/config.yaml"))


def load_recipe(settings: Mapping[str, Any], folder: Path = REPOSITORY / "recipes") -> Config:
    """The configuration of the recipe that `settings["recipe"]` names, changed by the other keys.

    Args:
        settings: what Snakemake read from --config and --configfile. `null` (or nothing at all)
            as a value puts the key back to its default.
    Raises:
        ConfigError: one line.
    """
    changes = {str(key): _with_null(value) for key, value in settings.items()}
    recipe = str(changes.pop("recipe", DEFAULT_RECIPE))
    path = folder / recipe / "config.yaml"
    if not path.is_file():
        known = ", ".join(known_recipes(folder)) or "none"
        raise ConfigError(f"recipe {recipe}: there is no {shown(path)}; known are {known}")
    config = load_config(shown(path), changes)
    if config.recipe != recipe:
        raise ConfigError(f"{shown(path)}: recipe: {config.recipe}: must be the folder's name")
    return config


def shown(path: Path) -> Path:
    """The path as a reader of a message knows it: relative to the working directory if below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _with_null(value: Any) -> Any:
    """Snakemake hands nested values of --config as text: recognise null in them."""
    if isinstance(value, Mapping):
        return {str(key): _with_null(below) for key, below in value.items()}
    return None if value == "null" else value


def to_json(
    options: BaseModel,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> str:
    """A section of the configuration for a program's command line, in the order of the models."""
    values = options.model_dump(
        mode="json",
        include=set(include) if include is not None else None,
        exclude=set(exclude) if exclude is not None else None,
    )
    return json.dumps(values, separators=(",", ":"))


def any_of(names: Collection[str]) -> str:
    """Regular expression of a wildcard that takes one of the names, and nothing else."""
    return "|".join(sorted(names)) or "(?!)"
