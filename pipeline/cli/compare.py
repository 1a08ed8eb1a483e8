"""`hybrid compare`: two runs on the same test sets, with a paired bootstrap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.arguments import mistakes_as_lines
from pipeline.cli.tables import echo_table
from pipeline.io.errors import UserError

Cell = tuple[str, str, str, str]  # split, grammar, model, decoder


@dataclass(frozen=True)
class Row:
    """One test set, decoded by both."""

    cell: str
    first: float  # WER in per cent
    second: float
    difference: float  # second minus first
    low: float
    high: float
    probability_better: float  # that the second is better
    utterances: int


def find_run(name: str) -> tuple[Path, str | None]:
    """`fsdd`, `exp/fsdd` or `fsdd:lstm` -> the run's folder, and a model if one is named.

    Raises:
        UserError: there is no such run.
    """
    place, _, model = name.partition(":")
    for folder in (Path(place), Path("exp") / place):
        if folder.is_dir() and any(folder.glob("*/decode")):
            known = sorted({path.name for path in folder.glob("*/decode/*")})
            if model and model not in known:
                raise UserError(f"{name}: no model {model} there; decoded are {', '.join(known)}")
            return folder, model or None
    raise UserError(f"{place}: no run with scores there (nor in exp/{place}); run the recipe first")


def read_cells(folder: Path) -> dict[Cell, dict[str, Any]]:
    """Contents of every wer.json of a run.

    Raises:
        UserError: one is damaged, or there is none.
    """
    cells: dict[Cell, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/decode/*/*/*/wer.json")):
        split, _, model, grammar, decoder, _ = path.relative_to(folder).parts
        try:
            cells[(split, grammar, model, decoder)] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise UserError(f"{path}: damaged; run the stage score again") from None
    if not cells:
        raise UserError(f"{folder}: no scores yet; run the recipe first")
    return cells


def compare_cells(
    first: dict[Cell, dict[str, Any]],
    second: dict[Cell, dict[str, Any]],
    models: tuple[str | None, str | None],
    seed: int = 1,
) -> Iterator[Row]:
    """Rows of those cells that both have; named models are compared with each other."""
    from pipeline.score.bootstrap import compare as paired_bootstrap
    from pipeline.score.wer import Errors

    for (split, grammar, model, decoder), result in first.items():
        if models[0] not in (None, model):
            continue
        partner = models[1] or model
        other = second.get((split, grammar, partner, decoder))
        if other is None:
            continue
        sides = [
            {
                u["utterance_id"]: Errors(
                    u["words"], u["insertions"], u["deletions"], u["substitutions"]
                )
                for u in found["per_utterance"]
            }
            for found in (result, other)
        ]
        shared = sorted(sides[0].keys() & sides[1].keys())
        shared = [u for u in shared if sides[0][u].words == sides[1][u].words]
        if not shared:
            continue
        a, b = ([side[u] for u in shared] for side in sides)
        found = paired_bootstrap(a, b, seed)
        words = max(sum(e.words for e in a), 1)
        name = model if partner == model else f"{model} → {partner}"
        yield Row(
            f"{split} {grammar} {name} {decoder}",
            100.0 * sum(e.errors for e in a) / words,
            100.0 * sum(e.errors for e in b) / words,
            found.difference,
            found.low,
            found.high,
            found.probability_better,
            len(shared),
        )


def compare(
    first: Annotated[str, typer.Argument(metavar="EXP", help="A run, or one model of it.")],
    second: Annotated[str, typer.Argument(metavar="EXP", help="Another.")],
    seed: Annotated[int, typer.Option(help="Of the bootstrap's draws.")] = 1,
) -> None:
    """Compare two runs' word error rates on the utterances that both have scored.

    EXP is a recipe, a run's folder, or RUN:MODEL. The interval is a paired bootstrap over
    utterances; where it holds 0, the test set cannot tell the two apart.

    Examples:

      hybrid compare exp/fsdd exp/fsdd_no_clipping

      hybrid compare fsdd:tri3b fsdd:lstm
    """
    with mistakes_as_lines():
        (folder, model), (other, other_model) = find_run(first), find_run(second)
        models = (model, other_model or model)
        if other_model and not model:
            models = (other_model, other_model)
        rows = list(compare_cells(read_cells(folder), read_cells(other), models, seed))
        if not rows:
            raise UserError(
                f"{first} and {second}: no test set that both have scored with the same model, "
                "grammar and decoder; name the models: RUN:MODEL"
            )
    echo_table(
        ("test", first, second, "apart", "95 % interval", "second better", "utterances"),
        [
            (
                row.cell,
                f"{row.first:.2f}",
                f"{row.second:.2f}",
                f"{row.difference:+.2f}",
                f"{row.low:+.2f} – {row.high:+.2f}",
                f"{100 * row.probability_better:.0f} %",
                str(row.utterances),
            )
            for row in rows
        ],
        right=range(1, 7),
    )
