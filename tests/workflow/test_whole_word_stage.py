"""The stage whole_word: off by default, beside hybrid models, or with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.workflow import load_recipe, stage_files, stage_rules
from tests.workflow.test_dry_run import dry_run

WORDS: dict[str, Any] = {
    **{"recipe": "toy", "title": "Toy", "corpus": {"name": "toy"}, "splits": ["a", "b"]},
    "whole_word": {},
}
GMM: dict[str, Any] = {"gmm": {"mono": {"type": "mono"}}, "grammars": {"g": {"type": "loop"}}}


def test_off_unless_asked_for() -> None:
    assert "whole_word" not in stage_files(load_recipe({"recipe": "fsdd"}))
    config = load_recipe({"recipe": "fsdd", "whole_word": {}})
    assert list(stage_files(config)).index("whole_word") < list(stage_files(config)).index("graph")
    assert config.network("whole_word").clipping.threshold == 5.0
    assert config.trained_networks[-1] == "whole_word"


def test_whole_words_alone_need_no_phones_and_no_search() -> None:
    config = Config.model_validate(WORDS)
    assert list(stage_files(config)) == ["data", "features", "whole_word", "report"]
    assert stage_files(config)["whole_word"] == [
        *("exp/toy/a/whole_word/model.json", "exp/toy/a/whole_word/results.json"),
        *("exp/toy/b/whole_word/model.json", "exp/toy/b/whole_word/results.json"),
    ]
    assert stage_rules(config, "whole_word") == ["train_whole_word", "score_whole_word"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"whole_word": None}, "gmm: at least one rung, or a section whole_word"),
        ({"gmm": GMM["gmm"]}, "grammars: at least one"),
        ({"grammars": GMM["grammars"]}, "grammars: nothing is decoded without"),
        ({**GMM, "nnet": {"whole_word": {"alignment": "mono"}}}, "'whole_word' is taken"),
    ],
)
def test_sections_that_do_not_fit_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config.model_validate({**WORDS, **changes})


def test_both_ways_can_be_planned_together(tmp_path: Path) -> None:
    result = dry_run(tmp_path, "--config", "recipe=demo", "whole_word={}")
    assert result.returncode == 0, result.stdout + result.stderr
    counts = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines() if line}
    assert counts["train_whole_word"] == counts["score_whole_word"] == counts["train_mono"] == "1"
