"""Rescoring as stages: a larger grammar and a language model on the lattices of the toy recipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.cli.arguments import parse_changes
from pipeline.config import Config
from pipeline.score.hypotheses import read_hypotheses
from pipeline.workflow import load_recipe, stage_files, stage_rules
from tests.workflow.toy_recipe import CHANGES, FEW, hybrid

GRAMMARS = """{
    loop: {type: loop},
    pair: {type: ngram, order: 2},
    loop_pair: {type: ngram, order: 2, rescores: loop}}"""
RESCORED = (
    f"grammars={' '.join(GRAMMARS.split())}",
    "lms={lstm: {embedding_dim: 4, hidden_dim: 4, num_epochs: 1}}",
    "rescoring={lstm_alone: {lattices: loop_pair, lm: lstm, weight: 0, n_best: 5}}",
    "decode.decoders=[native]",
    "decode.lattice_beam=40",
)
ROOT = Path("exp/demo")


def hypotheses(folder: Path, grammar: str) -> dict[tuple[float, float, str], tuple[str, ...]]:
    """Words of each setting and utterance."""
    path = folder / ROOT / "official/decode/mono" / grammar / "native/hypotheses.jsonl"
    return {
        (*setting, utterance_id): found.words
        for setting, table in read_hypotheses(path).items()
        for utterance_id, found in table.items()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the toy recipe has run with mono alone and all ways of rescoring."""
    folder = tmp_path_factory.mktemp("rescored")
    settings = [word for change in (*CHANGES, *FEW, *RESCORED) for word in ("--set", change)]
    result = hybrid(folder, "run", "demo", "--jobs", "2", *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_rescoring_finds_what_a_search_with_that_grammar_finds(finished: Path) -> None:
    searched = {name: hypotheses(finished, name) for name in ("loop", "pair")}
    assert hypotheses(finished, "loop_pair") == searched["pair"]
    assert searched["loop"] != searched["pair"]


def test_a_language_model_without_weight_changes_nothing(finished: Path) -> None:
    setting = (12.0, 0.0)  # the one at which the best sentences were taken
    found, expected = (
        {key: words for key, words in hypotheses(finished, name).items() if key[:2] == setting}
        for name in ("lstm_alone", "loop_pair")
    )
    assert found == expected


def test_every_rescoring_has_its_row_in_the_report(finished: Path) -> None:
    results = json.loads((finished / ROOT / "report/results.json").read_text(encoding="utf-8"))
    assert [row["grammar"] for row in results["wer"]] == [
        *("loop", "pair", "loop_pair", "lstm_alone"),
    ]
    model = json.loads(
        (finished / ROOT / "official/lms/lstm/model.json").read_text(encoding="utf-8")
    )
    assert model["training"]["held_out"]["perplexity"] > 1


def test_stages_of_rescoring() -> None:
    config = load_recipe(parse_changes([*CHANGES, *FEW, *RESCORED]))
    stages = stage_files(config)
    assert list(stages)[-6:] == ["graph", "lm", "decode", "rescore", "score", "report"]
    graphs = [file for file in stages["graph"] if file.endswith("HCLG.fst")]
    assert len(graphs) == 2
    assert len(stages["score"]) == 4
    assert stages["lm"] == ["exp/demo/official/lms/lstm/model.safetensors"]
    assert stage_rules(config, "lm") == ["train_split_lm"]
    assert stage_rules(config, "rescore") == ["rescore_lattices", "rescore_n_best"]
    without = stage_files(load_recipe({"recipe": "demo"}))
    assert not {"lm", "rescore"} & {*without}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("grammars.loop.rescores=loop", "grammars.loop.rescores: must name an earlier grammar"),
        ("grammars.pair.rescores=none", "grammars.pair.rescores: must name an earlier grammar"),
        ("rescoring={pair: {lattices: pair, lm: lstm}}", "rescoring.pair: the name is taken"),
        ("rescoring={a: {lattices: b, lm: lstm}}", "rescoring.a.lattices: no grammar 'b'"),
        (
            "rescoring={a: {lattices: pair, lm: lstm, models: [tri1]}}",
            "rescoring.a.models: no model 'tri1' is decoded",
        ),
        ("rescoring={a: {lattices: pair, lm: b}}", "rescoring.a.lm: no language model 'b'"),
    ],
)
def test_sections_that_do_not_fit_together(change: str, said: str) -> None:
    config = load_recipe(parse_changes([*CHANGES, *FEW, *RESCORED])).model_dump(mode="json")
    (changes,) = [parse_changes([change])]
    for section, values in changes.items():
        if section in ("grammars", "rescoring"):
            for name, value in values.items():
                config[section].setdefault(name, {}).update(value)
    with pytest.raises(ValidationError, match=said.replace(".", r"\.")):
        Config.model_validate(config)
