"""`hybrid pack`: a recipe's trained model as one folder that recognises anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import Changes, Recipe, mistakes_as_lines, read_recipe
from pipeline.config import Config, ConfigError
from pipeline.workflow import graph_lang


def pack(
    recipe: Recipe,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network or rung of it.")],
    output_dir: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    split: Annotated[str | None, typer.Option(metavar="SPLIT", help="[default: the first]")] = None,
    grammar: Annotated[
        str | None, typer.Option(metavar="GRAMMAR", help="[default: the last]")
    ] = None,
    changes: Changes = None,
) -> None:
    """Copy a trained model with its graph, words and options into one folder for `transcribe`.

    The folder can be moved; it is checked when it is opened. A network on fMLLR features takes the
    rung along that adapts speakers; others can also follow a stream.

    Examples:

      hybrid pack fsdd lstm models/digits --split official --grammar loop
    """
    with mistakes_as_lines():
        config, _ = read_recipe(recipe, changes)
        models = [*config.gmm, *config.nnet]
        chosen = _one_of("MODEL", model, models, models)
        fold = _one_of("--split", split, list(config.splits), list(config.splits)[:1])
        said = _one_of("--grammar", grammar, list(config.grammars), list(config.grammars)[-1:])
        _pack(config, chosen, fold, said, output_dir)
    typer.echo(f"{output_dir}: {chosen} of {fold}, grammar {said}")


def _one_of(option: str, name: str | None, known: list[str], default: list[str]) -> str:
    """The name, checked.

    Raises:
        ConfigError: it is not known.
    """
    if name is None and default:
        return default[0]
    if name not in known:
        raise ConfigError(f"{option} {name}: unknown; there are {', '.join(known)}")
    return name


def _pack(config: Config, model: str, split: str, grammar: str, output_dir: Path) -> None:
    from pipeline.decode.model_directory import export_model  # loads numba: not for a mistake

    folder = Path(config.root, split)
    graph = folder / "graph" / model / grammar / "HCLG.fst"
    for made in (folder / model / "hmm.json", graph):
        if not made.is_file():
            raise ConfigError(
                f"{made}: not made yet; first: hybrid run {config.recipe} --until graph"
            )
    rung = None
    if model in config.nnet and config.nnet[model].features == "fmllr":
        rung = folder / config.rung_of(model)
    cmvn = folder / "data/train/cmvn.ark"
    export_model(
        folder / model,
        Path(graph_lang(config, split)["lang"]).parent,
        graph,
        config.features,
        config.search_of(model),
        output_dir,
        rung,
        cmvn if cmvn.is_file() else None,
    )
