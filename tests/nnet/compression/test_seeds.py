"""Networks with several seeds: each is made once, after its source; tables by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.bin import print_seeds, run_seeds
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.nnet.model_files import load_model
from pipeline.report.provenance import machine
from pipeline.study.inputs import Inputs
from pipeline.study.seed_tables import (
    UNNAMED,
    Times,
    counterpart,
    markdown,
    network_rows,
    pooled,
    pooled_difference,
)
from pipeline.study.seeds import done, read_inputs, run_network
from pipeline.workflow import load_recipe
from tests.nnet.toy_data import NUM_PDFS, toy_task

CONFIG = load_recipe({"recipe": "compression"})
SMALL = {
    "recipe": "compression",
    "nnet": {
        "teacher": {"model": {"num_layers": 1, "hidden_dim": 8}, "training": {"num_epochs": 1}},
        "distilled": {"model": {"hidden_dim": 4}, "training": {"num_epochs": 1}},
    },
}


def test_every_network_has_its_source_and_is_made_once(tmp_path: Path) -> None:
    config = load_recipe(SMALL)
    task, _ = toy_task(12)
    inputs = Inputs(task, NUM_PDFS, task.features, {})
    result = run_network(config, "nicolas", "distilled_int8", 7, inputs, tmp_path)
    folder = tmp_path / "nicolas/7"
    assert {path.name for path in folder.iterdir()} == {"teacher", "distilled", "distilled_int8"}
    assert load_model(folder / "distilled_int8").network.weights == "int8"
    before = (folder / "teacher/model.safetensors").stat().st_mtime_ns
    again = run_network(config, "nicolas", "distilled", 7, inputs, tmp_path)
    assert (folder / "teacher/model.safetensors").stat().st_mtime_ns == before
    assert result["bytes"] < again["bytes"]
    assert result["machine"] == machine()["processor"]
    assert done([result, {"machine": "x"}]) == {("nicolas", 7, "distilled_int8")}


def row(network: str, split: str, seed: int, errors: int, **more: Any) -> dict[str, Any]:
    return {
        "network": network,
        "split": split,
        "seed": seed,
        "wer": {"loop": {"errors": errors, "words": 200, "wer": errors / 2}},
        "parameters": 10,
        "bytes": 40,
        "train_seconds": 2.0,
        "forward_seconds": 0.5,
        "frames": 1000,
        "clipping_rate": 0.25,
        **more,
    }


RESULTS = [
    *(row("student", "a", seed, 20 + seed) for seed in (1, 2, 3)),
    *(row("student", "b", seed, 10) for seed in (1, 2, 3)),
    *(row("distilled", "a", seed, 10 + seed) for seed in (1, 2, 3)),
    *(row("distilled", "b", seed, 10) for seed in (1, 2)),  # seed 3 is not whole
]


def test_pooled_by_hand() -> None:
    own = [r for r in RESULTS if r["network"] == "student"]
    assert pooled(own, "loop", ["a", "b"]) == {1: 7.75, 2: 8.0, 3: 8.25}
    assert pooled(own, "loop", ["b"]) == {1: 5.0, 2: 5.0, 3: 5.0}


def test_rows_by_hand() -> None:
    student, distilled = network_rows(CONFIG, RESULTS, "loop", ["a", "b"])
    assert (student.name, student.seeds, student.words, student.against) == (
        "student",
        3,
        400,
        None,
    )
    assert student.wer.mean == pytest.approx(8.0)
    assert student.wer.high - 8.0 == pytest.approx(4.303 * 0.25 / 3**0.5, rel=1e-3)  # Student's t
    assert student.times[UNNAMED].rtf == pytest.approx(0.5 / 10.0)
    assert distilled.difference is not None
    assert distilled.difference.mean.mean == pytest.approx(-2.5)
    assert (distilled.against, distilled.seeds) == ("student", 2)
    assert "| distilled | 5.38 (" in markdown([student, distilled])


def test_times_stand_beside_their_machine() -> None:
    results = [
        row("student", "a", 1, 20),
        row("student", "a", 2, 20, machine="fast", train_seconds=0.5, forward_seconds=0.25),
        row("student", "a", 3, 20, machine="fast", train_seconds=0.7, forward_seconds=0.25),
    ]
    (student,) = network_rows(CONFIG, results, "loop", ["a"])
    assert student.times[UNNAMED] == Times(0.05, 2.0)
    assert student.times["fast"].rtf == pytest.approx(0.025)
    assert student.times["fast"].train_seconds == pytest.approx(0.6)
    text = markdown([student])
    assert "| 0.0500 a; 0.0250 b | 2.0 a; 0.6 b |" in text
    assert text.endswith("\nMachines: a: another machine; b: fast.")
    assert "Machines" not in markdown(network_rows(CONFIG, results[1:], "loop", ["a"]))


def test_pairs_of_several_networks_together_by_hand() -> None:
    # Of split a alone: seeds 1 to 3 of distilled have 10 errors less in 200 words than student.
    one = pooled_difference(CONFIG, RESULTS, "loop", ["a"], ["distilled"])
    both = pooled_difference(CONFIG, RESULTS, "loop", ["a"], ["distilled", "distilled"])
    assert (one.mean.count, both.mean.count) == (3, 6)
    assert one.mean.mean == both.mean.mean == pytest.approx(-5.0)
    with pytest.raises(UserError, match="teacher: a network that is compared with no other"):
        pooled_difference(CONFIG, RESULTS, "loop", ["a"], ["teacher"])


def test_what_each_is_compared_with() -> None:
    assert counterpart(CONFIG, "distilled") == "student"
    assert counterpart(CONFIG, "distilled_no_clipping") == "student_no_clipping"
    assert counterpart(CONFIG, "teacher_pruned80") == "teacher"
    assert counterpart(CONFIG, "teacher") is None
    carried = load_recipe({"recipe": "transfer"})
    assert counterpart(carried, "transferred") == "alone"
    assert counterpart(carried, "transferred_no_clipping") == "alone_no_clipping"


def test_which_seeds_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(config: Any, split: str, name: str, seed: int, *_: Any) -> dict[str, Any]:
        return row(name, split, seed, 10)

    monkeypatch.setattr(run_seeds, "read_inputs", lambda config, split: None)
    monkeypatch.setattr(run_seeds, "run_network", made)
    output = tmp_path / "seeds.jsonl"
    common = ["compression", "--networks", "student", "--splits", "george", "--output", str(output)]
    run_seeds.main([*common, "--only-seeds", "5", "2"])
    run_seeds.main([*common, "--seeds", "3"])  # the second stands there
    assert [found["seed"] for found in read_json_lines(output)] == [5, 2, 1, 3]
    with pytest.raises(UserError, match="there is no teachr; known are teacher, student"):
        run_seeds.main(["compression", "--networks", "teachr"])


def test_the_program_and_its_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json_lines(tmp_path / "seeds.jsonl", [{"machine": "x"}, *RESULTS])
    arguments = ["compression", str(tmp_path / "seeds.jsonl"), "--splits"]
    print_seeds.main([*arguments, "a", "b"])
    assert (
        "Grammar loop; a, b; 400 words × 2 seeds, 400 words × 3 seeds." in capsys.readouterr().out
    )
    with pytest.raises(UserError, match="no network has results of c"):
        print_seeds.main([*arguments, "c"])
    with pytest.raises(UserError, match=r"run pipeline\.bin\.run_seeds"):
        print_seeds.main(["compression", str(tmp_path / "none")])
    with pytest.raises(UserError, match="no alignment; `snakemake --cores all seed"):
        read_inputs(load_recipe({"recipe": "compression", "output": str(tmp_path)}), "nicolas")
    with pytest.raises(UserError, match=r"nnet\.lstm: seeds are for networks on cepstra"):
        read_inputs(load_recipe({"recipe": "fsdd"}), "theo")
