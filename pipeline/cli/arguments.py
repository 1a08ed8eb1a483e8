"""What the commands share: their arguments, and mistakes as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
import yaml

from pipeline.config import Config, ConfigError
from pipeline.io.errors import UserError, describe_os_error, one_line
from pipeline.workflow import known_recipes, load_recipe


def complete_recipe(incomplete: str) -> list[str]:
    """Recipes whose names begin so, for the shell."""
    return [name for name in known_recipes() if name.startswith(incomplete)]


Recipe = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="A folder of recipes/.", autocompletion=complete_recipe),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the configuration, e.g. decode.beam=12."
    ),
]

Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How jobs are run: a folder of profiles/ (slurm, cluster) or any other; --jobs is "
        "then how many at a time [default: on this machine].",
    ),
]


def fail(message: object) -> NoReturn:
    """Leave with one line."""
    typer.echo(f"error: {one_line(message)}", err=True)
    raise typer.Exit(1)


@contextmanager
def mistakes_as_lines() -> Iterator[None]:
    """A user's mistake in the block ends the command with one line."""
    try:
        yield
    except (ConfigError, UserError) as error:
        fail(error)
    except OSError as error:
        fail(describe_os_error(error))


def parse_changes(changes: list[str]) -> dict[str, Any]:
    """["a.b=1", "a.c=x"] -> {"a": {"b": 1, "c": "x"}}.

    Raises:
        ConfigError: not of the form key=value, or the value is not YAML.
    """
    tree: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        *above, last = key.split(".")
        if not equals or not all([*above, last]):
            raise ConfigError(f"--set {change}: expected KEY=VALUE, e.g. seed=2 or decode.beam=12")
        node = tree
        for name in above:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise ConfigError(f"--set {change}: {name} was set to a value before")
        try:
            node[last] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {change}: the value is not YAML; quote it") from None
    return tree


def read_recipe(recipe: str, changes: list[str] | None) -> tuple[Config, dict[str, Any]]:
    """The configuration of a recipe, and the tree of what --set changes in it.

    Raises:
        ConfigError: one line.
    """
    tree = parse_changes(changes or [])
    return load_recipe({**tree, "recipe": recipe}), tree
