"""What a training step costs with each method: measured in turn, and as a section of the page."""

from __future__ import annotations

import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.io.atomic import write_json
from pipeline.nnet.train import train
from pipeline.study.design import Study
from pipeline.study.inputs import Inputs
from pipeline.study.tables import SIGNIFICANT, Difference, Mean, holm, label, p_text, paired

FIRST_STEPS = 3  # of each training: not counted
REFERENCE = "none"


@dataclass(frozen=True)
class Costs:
    """Median CPU milliseconds of a step: a value a round for each method, in the plan's order."""

    steps: int  # that each value is the median of
    milliseconds: dict[str, list[float]]
    machine: str = "an unknown machine"

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Costs | None:
        """Read what `save` wrote; nothing if there is no such file."""
        if not path.is_file():
            return None
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def measure(study: Study, inputs: Inputs) -> Costs:
    """Time the steps of all methods that `study.cost` names, one after the other in every round.

    Each round begins with another method, and what disturbs a machine for longer than a training
    falls on all of them; CPU time, for other work may share the cores.
    """
    assert study.cost is not None
    methods = [(label(clipping), cell.options) for clipping, cell in study.timed()]
    part = inputs.training.select(list(range(study.cost.utterances)))
    milliseconds: dict[str, list[float]] = {name: [] for name, _ in methods}
    steps = 0
    for number in range(study.cost.rounds):
        first = number % len(methods)
        for name, options in [*methods[first:], *methods[:first]]:
            marks: list[float] = []

            def mark(_: dict[str, Any], marks: list[float] = marks) -> None:
                marks.append(time.process_time())

            with tempfile.TemporaryDirectory() as folder:
                train(part, inputs.num_pdfs, options, number, Path(folder), on_step=mark)
            spans = np.diff(marks[FIRST_STEPS - 1 :])
            steps = len(spans)
            milliseconds[name].append(round(1000.0 * float(np.median(spans)), 4))
    return Costs(steps, milliseconds)


def _interval(mean: Mean, form: str) -> str:
    """Mean with its interval; of one value there is no interval."""
    if math.isnan(mean.low):
        return f"{mean.mean:{form}}"
    return f"{mean.mean:{form}} [{mean.low:{form}}, {mean.high:{form}}]"


def cost_lines(costs: Costs, inputs: str) -> list[str]:
    """Markdown: two sentences and a table; `inputs` is what the steps were of."""
    base = Mean.of(costs.milliseconds[REFERENCE])
    others: dict[str, Difference] = {
        name: paired(values, costs.milliseconds[REFERENCE])
        for name, values in costs.milliseconds.items()
        if name != REFERENCE
    }
    p_values = holm([difference.p_value for difference in others.values()])
    shares = {name: difference.mean.mean / base.mean for name, difference in others.items()}
    clear = [name for name, p in zip(others, p_values, strict=True) if p < SIGNIFICANT]
    dear = sorted((name for name in clear if shares[name] > 0), key=lambda name: -shares[name])
    named = "; ".join(f"{name}: {shares[name]:+.0%}" for name in dear)
    lines = [
        "## What does a method cost?",
        f"Of {len(others)} methods {len(dear)} take clearly more CPU time a step than {REFERENCE} "
        f"(paired by round, Holm-adjusted at {SIGNIFICANT:g}){': ' if named else ''}{named}. "
        f"{len(clear) - len(dear)} take clearly less; a step without clipping takes "
        f"{base.mean:.1f} ms.",
        "",
        f"`cost`: all methods in turn in one process on one thread, {base.count} rounds, each "
        f"value the median of {costs.steps} steps of the base network on `{inputs}`. Made on "
        f"{costs.machine}.",
        "",
        f"| clipping | CPU ms a step | ms − {REFERENCE}, paired | share |",
        "| --- | --- | --- | --- |",
        f"| {REFERENCE} | {_interval(base, '.2f')} | – | – |",
    ]
    for name, difference in others.items():
        lines.append(
            f"| {name} | {_interval(Mean.of(costs.milliseconds[name]), '.2f')} "
            f"| {_interval(difference.mean, '+.2f')}, p {p_text(difference.p_value)} "
            f"| {shares[name]:+.0%} |"
        )
    return [*lines, ""]
