"""The time of a training step by method: who is timed, and the section of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.study.cost import Costs, cost_lines, measure
from pipeline.study.design import Study, load_study
from pipeline.study.inputs import Inputs
from tests.nnet.toy_data import DIM, NUM_PDFS, feature_set, toy_task

RECIPE = Path(__file__).parents[2] / "recipes" / "clipping_study"


def small_study() -> Study:
    return Study.model_validate(
        {
            "title": "T",
            "base": {
                "inputs": "x",
                "network": {
                    "model": {"hidden_dim": 8, "num_layers": 1},
                    "training": {"batch_frames": 60, "num_epochs": 9, "max_culprits": 0},
                    "clipping": {"method": "none"},
                },
            },
            "questions": {
                "q": {
                    "asks": "?",
                    "grid": {"network.clipping": [{"method": "none"}, {"method": "norm"}]},
                }
            },
            "cost": {"question": "q", "inputs": "toy", "rounds": 2, "utterances": 30},
        }
    )


def test_every_method_has_a_value_a_round(tmp_path: Path) -> None:
    task, _ = toy_task(spread=0.3, num_utterances=40)
    costs = measure(small_study(), Inputs(task, NUM_PDFS, feature_set([5, 9], DIM), {}))
    assert {name: len(values) for name, values in costs.milliseconds.items()} == {
        "none": 2,
        "norm": 2,
    }
    assert costs.steps > 0
    assert all(value >= 0 for values in costs.milliseconds.values() for value in values)
    costs.save(tmp_path / "costs.json")
    assert Costs.load(tmp_path / "costs.json") == costs
    assert Costs.load(tmp_path / "none.json") is None


def test_what_is_timed_differs_in_the_clipping_alone() -> None:
    timed = load_study(RECIPE / "study.yaml").timed()
    assert [clipping["method"] for clipping, _ in timed].count("none") == 1
    first = timed[0][1]
    for clipping, cell in timed:
        network = {**cell.network, "clipping": first.network["clipping"]}
        assert cell.model_copy(update={"network": network}) == first
        assert cell.options.clipping.method == clipping["method"]
        assert cell.options.training.num_epochs == 1


def test_the_section_by_hand() -> None:
    # Differences 1, 1, 1.3: mean 1.1, a tenth of 11; and none at all.
    costs = Costs(
        9, {"none": [10.0, 11.0, 12.0], "slow": [11.0, 12.0, 13.3], "same": [10.0, 11.0, 12.0]}, "M"
    )
    text = "\n".join(cost_lines(costs, "fsdd"))
    assert "Of 2 methods 1 take clearly more CPU time a step than none" in text
    assert "slow: +10%. 0 take clearly less" in text
    assert "| same | 11.00 [8.52, 13.48] | +0.00 [+0.00, +0.00], p 1.000 | +0% |" in text


def test_a_question_without_clipping_cannot_be_timed() -> None:
    raw = small_study().model_dump()
    raw["questions"]["q"]["grid"] = {"label_noise": [0.0]}
    with pytest.raises(ValueError, match=r"cost.question: 'q' tries no network.clipping"):
        Study.model_validate(raw)
