"""Answers of a study against tables whose figures are known by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.study.answers import answer
from pipeline.study.design import Study
from pipeline.study.results import QUANTILES
from pipeline.study.tables import p_text, tabulate

NONE: dict[str, Any] = {"method": "none"}
NORM: dict[str, Any] = {"method": "norm", "threshold": 1.0}


def answered(
    kind: str,
    grid: dict[str, list[Any]],
    measure: Callable[[tuple[Any, ...], int], dict[str, Any]],
    seeds: int = 5,
    against: dict[str, Any] | None = None,
) -> str:
    """The answer to a question whose runs are `measure(values, seed)`, with jitter by seed."""
    study = Study.model_validate(
        {
            "title": "T",
            "base": {"inputs": "x", "network": {}},
            "seeds": seeds,
            "questions": {
                "q": {
                    "asks": "?",
                    "answer": kind,
                    "grid": grid,
                    "against": {"network.clipping": NONE} if against is None else against,
                }
            },
        }
    )
    runs = {}
    for values, cells in study.points("q"):
        for cell in cells:
            told = measure(values, cell.seed)
            epoch = {
                "held_out_loss": 1.0,
                "clipped": 0.0,
                "norms": [told.get("tail", 2.0) if q == 0.99 else 1.0 for q in QUANTILES],
            }
            runs[cell.run_id] = {
                "cell": cell.model_dump(mode="json"),
                "epochs": [epoch],
                "diverged": told.get("diverged", False),
                "wer": {"g": {"wer": told["wer"]}},
                "wer_int8": {"g": {"wer": told.get("int8", told["wer"])}},
            }
    (table,) = tabulate(study, runs)
    return answer(table, ["g"])


def test_differences_are_said_with_their_direction() -> None:
    grid: dict[str, list[Any]] = {"network.clipping": [NONE, NORM]}
    said = answered("differences", grid, lambda v, s: {"wer": 10 + (v[0] != NONE) * (3 + 0.1 * s)})
    assert "the WER is higher in 1 of 1 (norm 1: +3.30)" in said
    same = answered("differences", grid, lambda v, s: {"wer": 10 + (v[0] != NONE) * (-1) ** s})
    assert same.startswith("No difference of WER was found that chance does not explain (1 paired")


def test_usable_rates_are_listed_by_method() -> None:
    grid: dict[str, list[Any]] = {
        "network.training.learning_rate": [0.1, 1.0, 10.0],
        "network.clipping": [NONE, NORM],
    }

    def measure(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
        rate, clipping = values
        if clipping == NONE:
            return {"wer": 10.0 + seed, "diverged": rate == 10.0 and seed == 2}
        return {"wer": {0.1: 21.0, 1.0: 12.0, 10.0: 19.0}[rate] + 0.1 * seed}

    said = answered("rates", grid, measure)
    # The lowest mean is 12.3; at most 18.45 is usable.
    assert "at most 1.5 times the lowest): none 0.1, 1; norm 1 1. At equal rates:" in said


def test_no_rate_counts_as_usable_where_the_rule_excludes_nothing() -> None:
    grid: dict[str, list[Any]] = {
        "inputs": ["easy", "hard"],
        "network.training.learning_rate": [0.1, 1.0],
        "network.clipping": [NONE, NORM],
    }

    def measure(lowest: float) -> Callable[[tuple[Any, ...], int], dict[str, Any]]:
        def wer(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
            name, rate, _ = values
            return {"wer": {"easy": 10.0, "hard": lowest}[name] + (20.0 if rate == 1.0 else 0.0)}

        return wer

    # 1.5 times 67 is 100.5: more than the 100 of a network that says nothing; 1.5 times 66 is 99.
    said = answered("rates", grid, measure(67.0))
    usable = said.partition(" At equal rates:")[0]
    assert "easy: none 0.1; norm 1 0.1. hard: the bound excludes nothing" in usable
    assert "1.5 times the lowest (67.0 %) is 100.5 %" in usable
    assert "none 0.1, 1" not in usable
    told = answered("rates", grid, measure(66.0))
    assert "hard: none 0.1, 1; norm 1 0.1, 1. At equal rates:" in told


def test_families_are_compared_by_the_means_of_their_thresholds() -> None:
    clippings = [{"method": m, "threshold": t} for m in ("value", "norm") for t in (0.1, 1.0)]

    def measure(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
        shift = {("value", 0.1): 0, ("value", 1.0): 2, ("norm", 0.1): 4, ("norm", 1.0): 6}
        clipping = values[0]
        noise = 0.1 * seed * (clipping["method"] == "norm")
        return {"wer": 10 + shift[clipping["method"], clipping["threshold"]] + noise}

    said = answered("families", {"network.clipping": clippings}, measure, against={})
    assert said.startswith("Mean WER over each one's thresholds: value 11.00, norm 15.30. Beyond")
    assert "lower in 1 of 1 (value − norm: -4.30)" in said


def test_levels_compare_what_a_method_does() -> None:
    grid: dict[str, list[Any]] = {"inputs": ["a", "b"], "network.clipping": [NONE, NORM]}

    def measure(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
        effect = {"a": 1.0, "b": 5.0}[values[0]] + 0.1 * seed * (values[0] == "b")
        return {"wer": 10 + 3 * seed + effect * (values[1] != NONE)}

    said = answered("levels", grid, measure)
    assert "higher in 1 of 1 (norm 1, b − a: +4.30)" in said
    assert "Against none itself: Beyond chance (2 paired" in said


def test_int8_costs_are_compared_with_those_of_the_reference() -> None:
    def measure(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
        worse = 5.0 * (values[0] != NONE)  # of floats: it has no say here
        cost = 0.5 if values[0] == NONE else 2.5 + 0.1 * seed
        return {"wer": 10 + worse + seed, "int8": 10 + worse + seed + cost}

    said = answered("int8", {"network.clipping": [NONE, NORM]}, measure)
    assert said.startswith(
        "WER with 8-bit weights minus that with floats: none +0.50, norm 1 +2.80"
    )
    assert "higher in 1 of 1 (norm 1: +2.30)" in said


def test_tails_are_those_without_clipping() -> None:
    grid: dict[str, list[Any]] = {"label_noise": [0.0, 0.3, 0.6], "network.clipping": [NONE, NORM]}

    def heavier(values: tuple[Any, ...], seed: int) -> dict[str, Any]:
        return {"wer": 10.0 + seed, "tail": 2 + values[0] * (10 + seed) if values[1] == NONE else 9}

    said = answered("tails", grid, heavier)
    assert said.startswith("Gradients become heavier-tailed: ")
    assert "none is ×2.00 at 0, ×5.90 at 0.3, ×9.80 at 0.6 of the median" in said
    flat = answered("tails", grid, lambda v, s: {"wer": 10.0 + s, "tail": 2 + 0.1 * s * (v[0] > 0)})
    assert flat.startswith("Gradients become heavier-tailed: ")  # small, and beyond chance
    none = answered("tails", grid, lambda v, s: {"wer": 10.0 + s})
    assert none.startswith("Gradients do not become heavier-tailed: ")


def test_no_p_is_zero() -> None:
    assert [p_text(p) for p in (0.0, 0.00049, 0.0006, 0.25)] == [
        "<0.001",
        "<0.001",
        "0.001",
        "0.250",
    ]
