"""Means, pairs and Holm's adjustment against closed forms; the committed page against its runs."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.io.errors import UserError
from pipeline.study.cost import Costs
from pipeline.study.design import Study, load_study
from pipeline.study.page import write_page
from pipeline.study.results import read_stored
from pipeline.study.tables import Mean, clear_of_chance, holm, in_order, paired, tabulate

RECIPE = Path(__file__).parents[2] / "recipes" / "clipping_study"


def test_an_interval_of_two_values_is_known_in_closed_form() -> None:
    found = Mean.of([1.0, 3.0])
    # t with one degree of freedom is Cauchy's: its 97.5 % point is tan(0.475 pi); the error is 1.
    half = math.tan(0.475 * math.pi)
    assert found.mean == 2.0
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))
    assert math.isnan(Mean.of([1.0]).low)


def test_pairs_take_out_what_both_share() -> None:
    rng = np.random.default_rng(0)
    seeds = rng.normal(0, 10, 8)
    found = paired((seeds + 1 + rng.normal(0, 0.1, 8)).tolist(), seeds.tolist())
    assert found.mean.mean == pytest.approx(1.0, abs=0.15)
    assert found.p_value < 1e-6
    assert paired([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    # Two pairs: differences 1 and 3, t = 2 with one degree of freedom.
    assert paired([1.0, 3.0], [0.0, 0.0]).p_value == pytest.approx(1 - 2 * math.atan(2) / math.pi)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_the_committed_page_is_what_its_command_makes(tmp_path: Path) -> None:
    for name in ("study.yaml", "runs.jsonl.gz"):
        shutil.copy(RECIPE / name, tmp_path)
    study = load_study(tmp_path / "study.yaml")
    runs = read_stored(tmp_path / "runs.jsonl.gz")
    command = "python -m pipeline.bin.study_page --recipe-dir recipes/clipping_study"
    write_page(study, runs, tmp_path, command, Costs.load(RECIPE / "costs.json"))
    assert (tmp_path / "README.md").read_text() == (RECIPE / "README.md").read_text()
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {path.name for path in RECIPE.glob("*.png")}
    assert sum(path.stat().st_size for path in RECIPE.glob("*")) < 1_000_000


def test_a_table_by_hand() -> None:
    study = Study.model_validate(
        {
            "title": "T",
            "base": {"inputs": "x", "network": {"clipping": {"method": "none"}}},
            "seeds": 3,
            "questions": {
                "q": {
                    "asks": "?",
                    "grid": {"network.clipping": [{"method": "none"}, {"method": "norm"}]},
                    "against": {"network.clipping": {"method": "none"}},
                }
            },
        }
    )
    runs = {}
    for (_, cells), shift in zip(study.points("q"), (0.0, 2.0), strict=True):
        for cell in cells[:2]:  # the third seed is still to be run
            wer = {"g": {"errors": 1, "words": 10, "wer": 10.0 * cell.seed + shift * cell.seed}}
            epoch = {"held_out_loss": 1.0, "clipped": 0.5, "norms": None}
            runs[cell.run_id] = {
                "cell": cell.model_dump(mode="json"),
                "wer": wer,
                "epochs": [epoch],
                "diverged": cell.seed == 2,
            }
    (table,) = tabulate(study, runs)
    assert (table.found, table.planned) == (4, 6)
    reference, other = table.rows
    assert reference.wer["g"].mean == 15.0
    assert not reference.against
    assert other.against["g"].mean.mean == pytest.approx(3.0)  # 2 and 4
    assert other.diverged == 1
    assert other.clipped.mean == 0.5


def test_mistakes_in_a_study_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    with pytest.raises(UserError, match="no such study"):
        load_study(path)
    path.write_text("title: T\nbase: {}\nquestions: {}\nseds: 3\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"study.yaml: seds: "):
        load_study(path)
    path.write_text(
        "title: T\nbase: {inputs: x, network: {}}\n"
        "questions: {q: {asks: a, grid: {network.clipping: [{method: norm, decay: 1}]}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError, match=r"question q: network.clipping=.*no key 'decay'"):
        load_study(path).plan()


def test_differences_are_told_with_the_weakest_grammar_of_an_input() -> None:
    assert in_order({"loop", "g1"}, ("g1", "trigram", "loop")) == ["g1", "loop"]
    assert in_order({"x", "loop", "a"}, ("g1", "loop")) == ["loop", "a", "x"]


def test_what_counts_of_several_comparisons() -> None:
    # Holm: 0.01 * 3, 0.02 * 2, 0.2.
    assert clear_of_chance([0.2, 0.01, 0.02]) == [False, True, True]
    assert clear_of_chance([0.04, 0.04]) == [False, False]
