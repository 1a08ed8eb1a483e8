"""Reading of references and hypotheses, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.score.hypotheses import Hypothesis, Setting, read_hypotheses
from pipeline.score.references import read_references
from tests.score.scoring_inputs import TEXTS, line, write_cuts


def test_references_are_sorted_and_split_into_words(tmp_path: Path) -> None:
    cuts = write_cuts(tmp_path / "cuts.jsonl.gz", dict(reversed(TEXTS.items())))
    references = read_references(cuts)
    assert list(references) == ["a-1", "a-2", "b-1"]
    assert references["a-1"].words == ("ONE", "TWO")
    assert references["b-1"].speaker == "b"


def test_references_of_a_manifest_that_lhotse_wrote(tmp_path: Path) -> None:
    from lhotse import CutSet, MonoCut, SupervisionSegment

    segment = SupervisionSegment("s", "r", 0.0, 1.0, text="ONE TWO", speaker="x")
    cut = MonoCut("u", 0.0, 1.0, 0, supervisions=[segment])
    CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    references = read_references(tmp_path / "cuts.jsonl.gz")
    assert references["u"].words == ("ONE", "TWO")
    assert references["u"].speaker == "x"


def test_bad_references_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no reference word"):
        read_references(write_cuts(tmp_path / "cuts.jsonl.gz", {"a": ("a", " ")}))
    write_json_lines(tmp_path / "two.jsonl.gz", [{"id": "u7", "supervisions": []}])
    with pytest.raises(UserError, match="u7: expected one supervision"):
        read_references(tmp_path / "two.jsonl.gz")


def test_hypotheses_by_setting(tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    write_json_lines(path, [line("a", "ONE TWO"), line("a", "ONE", 7.0, 0.5), line("b", "")])
    table = read_hypotheses(path)
    assert set(table) == {Setting(12.0, 0.0), Setting(7.0, 0.5)}
    assert table[Setting(12.0, 0.0)]["b"].words == ()
    assert table[Setting(7.0, 0.5)] == {"a": Hypothesis(("ONE",), 120.0, 3.0)}


def test_total_cost_is_what_the_search_minimises() -> None:
    hypothesis = Hypothesis(("ONE", "TWO"), acoustic_cost=120.0, graph_cost=3.0)
    assert hypothesis.total_cost(Setting(12.0, 0.5)) == 120.0 / 12.0 + 3.0 + 2 * 0.5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line("a", "ONE"), line("a", "TWO")], "a: comes twice at lm_weight 12"),
        ([{"utterance_id": "a"}], "line 1: no field 'words'"),
        ([line("a", "ONE", words="ONE")], "line 1: words is not a list"),
        ([line("a", "ONE", lm_weight=0)], "line 1: lm_weight"),
        ([line("a", "ONE", graph_cost=float("nan"))], "line 1: .*not a number"),
    ],
)
def test_bad_hypotheses_are_refused(
    tmp_path: Path, lines: list[dict[str, object]], message: str
) -> None:
    path = tmp_path / "hypotheses.jsonl"
    write_json_lines(path, lines)
    with pytest.raises(UserError, match=message):
        read_hypotheses(path)
