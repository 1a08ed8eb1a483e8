"""The plan of a study: a base training, questions, and for each the values that are tried."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from pipeline.config import NnetOptions, Options, merge
from pipeline.io.errors import UserError

CLIPPING = "network.clipping"
Share = Annotated[float, Field(ge=0, le=1)]


class Cell(Options):
    """One training and its scores."""

    inputs: str  # folder of `study.inputs`
    network: dict[str, Any]  # NetworkOptions: model, training, clipping, augment
    label_noise: Share = 0.0  # of the segments of the training alignment, with another pdf-id
    int8: bool = False  # also score the network with 8-bit weights
    # The shape of a larger network, trained first with all else the same, clipping too, whose
    # posteriors the network learns beside the alignment. Left out of the cells that have none.
    teacher: dict[str, Any] | None = Field(default=None, exclude_if=lambda asked: asked is None)
    seed: int = 1

    @property
    def options(self) -> NnetOptions:
        """The network's options, validated."""
        distill = {} if self.teacher is None else {"distill": {"teacher": "teacher"}}
        return NnetOptions.model_validate({"alignment": "given", **self.network, **distill})

    @property
    def teacher_options(self) -> NnetOptions | None:
        """Those of the teacher."""
        if self.teacher is None:
            return None
        network = {**self.network, "model": self.teacher}
        return NnetOptions.model_validate({"alignment": "given", **network})

    @property
    def run_id(self) -> str:
        """12 hexadecimal digits of all that is in the cell."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Question(Options):
    """What is asked, and the grid that answers it."""

    asks: str
    # A path of keys below the cell -> values; all combinations are tried. A path may end in a
    # section, whose values are then merged into it.
    grid: dict[str, list[Any]]
    # The value that others are paired with: path -> value; of several paths all must agree.
    against: dict[str, Any] = Field(default_factory=dict)
    # How it is answered (answers.py). differences: of WER from `against`; rates: which learning
    # rates are usable with each method; families: means over each method's thresholds; levels:
    # whether differences depend on the grid's first path; int8: what 8-bit weights cost more than
    # with `against`; tails: whether gradients are heavier-tailed along the grid's first path.
    answer: Literal["differences", "rates", "families", "levels", "int8", "tails"] = "differences"
    seeds: int | None = None
    base: dict[str, Any] = Field(default_factory=dict)  # changes of the study's base


class CostOptions(Options):
    """How the time of a training step is measured: every method in turn, in every round."""

    question: str  # whose values of network.clipping are timed, each on the study's base
    inputs: str
    rounds: Annotated[int, Field(ge=2)] = 8
    utterances: Annotated[int, Field(ge=10)] = 40  # of the training set: one epoch of them a round


class Study(Options):
    """A study."""

    title: str
    base: dict[str, Any]
    seeds: Annotated[int, Field(ge=2)] = 10
    grammars: tuple[str, ...] = ()  # from strong to weak, of all inputs together
    questions: dict[str, Question]
    cost: CostOptions | None = None
    small: dict[str, Any] = Field(default_factory=dict)  # questions and seeds of the short form

    @model_validator(mode="after")
    def _known_questions(self) -> Study:
        for name in self.small.get("questions", ()):
            if name not in self.questions:
                raise ValueError(f"small.questions: there is no question '{name}'")
        if self.cost is not None and self.cost.question not in self.questions:
            raise ValueError(f"cost.question: there is no question '{self.cost.question}'")
        if self.cost is not None and CLIPPING not in self.questions[self.cost.question].grid:
            raise ValueError(f"cost.question: '{self.cost.question}' tries no {CLIPPING}")
        return self

    def points(self, name: str, small: bool = False) -> list[tuple[tuple[Any, ...], list[Cell]]]:
        """A question's grid: the values along its paths, and the trainings, one a seed.

        Raises:
            UserError: a value that the configuration does not allow, with its place.
        """
        question = self.questions[name]
        seeds = self.small.get("seeds", 2) if small else question.seeds or self.seeds
        base = merge(self.base, question.base)
        paths = list(question.grid)
        found: list[tuple[tuple[Any, ...], list[Cell]]] = []
        for values in itertools.product(*question.grid.values()):
            changed = base
            for path, value in zip(paths, values, strict=True):
                changed = _with(changed, path, value)
            cells: list[Cell] = []
            for seed in range(1, seeds + 1):
                try:
                    cell = Cell.model_validate({**changed, "seed": seed})
                    cell.options, cell.teacher_options  # noqa: B018 - validates
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"]))
                    place = ", ".join(f"{p}={v}" for p, v in zip(paths, values, strict=True))
                    raise UserError(f"question {name}: {place}: {where}: {first['msg']}") from None
                cells.append(cell)
            found.append((values, cells))
        return found

    def cells(self, name: str, small: bool = False) -> list[Cell]:
        """All trainings of a question."""
        return [cell for _, cells in self.points(name, small) for cell in cells]

    def timed(self) -> list[tuple[dict[str, Any], Cell]]:
        """What `cost` asks for: a clipping, and the training that is timed with it."""
        if self.cost is None:
            return []
        base = {**self.base, "inputs": self.cost.inputs}
        short = {"num_epochs": 1, "warmup_steps": 0}
        return [
            (
                clipping,
                Cell.model_validate(
                    _with(_with(base, "network.training", short), CLIPPING, clipping)
                ),
            )
            for clipping in self.questions[self.cost.question].grid[CLIPPING]
        ]

    def plan(self, small: bool = False) -> dict[str, list[Cell]]:
        """Question -> its trainings; a training that two questions share is made once."""
        names = self.small.get("questions", list(self.questions)) if small else self.questions
        return {name: self.cells(name, small) for name in names}


def _with(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The tree with one value replaced; a section's value replaces what it names, and clipping all.

    A clipping method takes only its own keys, so that another method's must not be left there.
    """
    first, _, rest = path.partition(".")
    below = tree.get(first, {})
    if rest:
        return {**tree, first: _with(below, rest, value)}
    if isinstance(value, dict) and isinstance(below, dict) and first != "clipping":
        return {**tree, first: merge(below, value)}
    return {**tree, first: value}


def load_study(path: Path) -> Study:
    """Read and validate study.yaml.

    Raises:
        UserError: one line that names the file, the key and what is wrong.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Study.model_validate(raw)
    except FileNotFoundError:
        raise UserError(f"{path}: no such study") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where}: {first['msg']}") from None
