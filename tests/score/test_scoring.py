"""wer.json: fixed and best setting, missing utterances, sums; and the program that writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.bin.score import main
from pipeline.config import DecodeOptions
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.score.hypotheses import Hypothesis, Setting
from pipeline.score.references import Reference
from pipeline.score.scoring import read_best_setting, score
from pipeline.score.trn import read_trn
from tests.score.scoring_inputs import TEXTS, line, write_cuts

OPTIONS = DecodeOptions(lm_weights=(10.0, 12.0, 14.0), insertion_penalties=(0.0, 1.0))
FIXED = Setting(12.0, 0.0)


def references() -> dict[str, Reference]:
    return {u: Reference(u, s, tuple(t.split())) for u, (s, t) in TEXTS.items()}


def hypotheses(*texts: str) -> dict[str, Hypothesis]:
    return {u: Hypothesis(tuple(t.split()), 12.0, 1.0) for u, t in zip(TEXTS, texts, strict=True)}


def test_fixed_and_best_are_kept_apart() -> None:
    table = {
        FIXED: hypotheses("ONE TWO", "SIX", "ONE ONE"),
        Setting(14.0, 0.0): hypotheses("ONE TWO", "TWO", "ONE ONE"),
        Setting(10.0, 0.0): hypotheses("ONE TWO", "TWO", "ONE ONE ONE ONE"),
        Setting(99.0, 0.0): hypotheses("ONE TWO", "TWO", "ONE ONE ONE"),  # not in the grid
    }
    result = score(references(), table, OPTIONS)
    assert result["fixed"]["kaldi_line"] == "%WER 33.33 [ 2 / 6, 0 ins, 1 del, 1 sub ]"
    assert result["fixed"]["utterances_with_errors"] == 2
    # 10 and 14 tie and lie equally far from 12: the smaller one
    assert (result["best"]["lm_weight"], result["best"]["errors"]) == (10.0, 1)
    assert result["best"]["tuned_on_test"] is True
    assert result["best"]["settings"] == 3
    assert [row["errors"] for row in result["grid"]] == [1, 2, 1]


def test_the_setting_of_a_development_set_is_scored_here(tmp_path: Path) -> None:
    """It is the development set's best, not this set's."""
    dev = {
        FIXED: hypotheses("ONE", "TWO", "ONE ONE ONE"),
        Setting(14.0, 0.0): hypotheses("ONE TWO", "TWO", "ONE ONE ONE"),
    }
    path = tmp_path / "wer.json"
    path.write_text(json.dumps(score(references(), dev, OPTIONS)), encoding="utf-8")
    tuned = read_best_setting(path)
    assert tuned == Setting(14.0, 0.0)
    test = {
        FIXED: hypotheses("ONE TWO", "TWO", "ONE ONE ONE"),
        Setting(14.0, 0.0): hypotheses("ONE TWO", "SIX", "ONE ONE"),
    }
    result = score(references(), test, OPTIONS, tuned=tuned)
    assert (result["tuned"]["lm_weight"], result["tuned"]["errors"]) == (14.0, 2)
    assert (result["fixed"]["errors"], result["best"]["errors"]) == (0, 0)
    assert score(references(), test, OPTIONS)["tuned"] is None
    with pytest.raises(UserError, match="tuned setting lm_weight 14"):
        score(references(), {FIXED: test[FIXED]}, OPTIONS, tuned=tuned)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"wer.json: damaged"):
        read_best_setting(path)


def test_ties_go_to_the_fixed_setting() -> None:
    same = hypotheses("ONE TWO", "TWO", "ONE ONE ONE")
    result = score(references(), {FIXED: same, Setting(10.0, 1.0): same}, OPTIONS)
    assert result["best"]["lm_weight"] == 12.0
    assert result["fixed"]["no_error_limit"] == pytest.approx(100 * (1 - 0.05 ** (1 / 6)))


def test_missing_hypothesis_is_named_and_counted_as_deletions() -> None:
    at_fixed = hypotheses("ONE TWO", "TWO", "ONE ONE ONE")
    del at_fixed["b-1"]
    result = score(references(), {FIXED: at_fixed}, OPTIONS)
    assert result["missing"] == ["b-1"]
    assert (result["fixed"]["deletions"], result["fixed"]["errors"]) == (3, 3)
    assert result["per_utterance"][2]["cost"] is None
    assert result["per_utterance"][0]["cost"] == 12.0 / 12.0 + 1.0


def test_speakers_utterances_and_confusions_add_up_to_the_total() -> None:
    result = score(references(), {FIXED: hypotheses("TWO", "SIX TWO", "ONE SIX ONE")}, OPTIONS)
    for field in ("errors", "words", "insertions", "deletions", "substitutions"):
        assert sum(row[field] for row in result["speakers"]) == result["fixed"][field]
        assert sum(row[field] for row in result["per_utterance"]) == result["fixed"][field]
    counts = {(r["reference"], r["hypothesis"]): r["count"] for r in result["confusions"]}
    assert counts == {
        ("ONE", "ONE"): 2,
        ("ONE", "SIX"): 1,
        ("ONE", None): 1,
        ("TWO", "TWO"): 2,
        (None, "SIX"): 1,
    }


def test_result_is_json_even_where_only_insertions_are() -> None:
    silent = {**references(), "c-1": Reference("c-1", "c", ())}
    at_fixed = {**hypotheses("ONE", "TWO", ""), "c-1": Hypothesis(("ONE",), 1.0, 1.0)}
    result = score(silent, {FIXED: at_fixed}, OPTIONS)
    assert result["speakers"][2]["wer"] is None
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_wrong_files_are_refused() -> None:
    with pytest.raises(UserError, match="fixed setting lm_weight 12"):
        score(references(), {Setting(10.0, 0.0): {}}, OPTIONS)
    with pytest.raises(UserError, match="z-9: has no reference"):
        score(references(), {FIXED: {"z-9": Hypothesis((), 0.0, 0.0)}}, OPTIONS)


def run_program(folder: Path, lines: list[dict[str, Any]]) -> list[str]:
    write_cuts(folder / "cuts.jsonl.gz", TEXTS)
    write_json_lines(folder / "hypotheses.jsonl", lines)
    return [
        *("--hypotheses", str(folder / "hypotheses.jsonl")),
        *("--cuts", str(folder / "cuts.jsonl.gz")),
        *("--options", OPTIONS.model_dump_json()),
        *("--output-dir", str(folder / "out")),
    ]


def test_program_writes_all_files_and_imports_nothing_heavy(tmp_path: Path) -> None:
    arguments = run_program(tmp_path, [line("a-1", "ONE TWO"), line("a-2", "SIX")])
    code = (
        "import sys; from pipeline.bin.score import main; main(sys.argv[1:]);"
        "print(sorted({'torch', 'lhotse', 'snakemake', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout == "%WER 66.67 [ 4 / 6, 0 ins, 3 del, 1 sub ]\n[]\n"
    assert "1 of 3 utterances without hypothesis: b-1" in done.stderr
    result = json.loads((tmp_path / "out/wer.json").read_text(encoding="utf-8"))
    assert result["fixed"]["errors"] == 4
    assert read_trn(tmp_path / "out/ref.trn")["b-1"] == ("ONE", "ONE", "ONE")
    assert read_trn(tmp_path / "out/hyp.trn") == {"a-1": ("ONE", "TWO"), "a-2": ("SIX",), "b-1": ()}


def test_program_writes_the_same_bytes_again(tmp_path: Path) -> None:
    arguments = run_program(tmp_path, [line(u, "ONE TWO") for u in TEXTS])
    main(arguments)
    first = (tmp_path / "out/wer.json").read_bytes()
    main(arguments)
    assert (tmp_path / "out/wer.json").read_bytes() == first


def test_program_names_a_wrong_option(tmp_path: Path) -> None:
    arguments = run_program(tmp_path, [line("a-1", "ONE")])
    arguments[5] = '{"lm_wieght": 3}'
    with pytest.raises(UserError, match="--options: lm_wieght"):
        main(arguments)
