"""pipeline/cli/dag.py, stages.py, plan.py: causes, costs and times of jobs made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.costs import Cost, cost_elsewhere, finish_time, guess_cost
from pipeline.cli.dag import changed_options
from pipeline.cli.job_state import JobState, find_job
from pipeline.cli.measured import benchmark_seconds
from pipeline.cli.plan import make_plan, up_to
from pipeline.cli.stages import roots, stage_states
from pipeline.config import ConfigError
from pipeline.io.quantities import duration, size
from pipeline.workflow import load_recipe


def job(rule: str, *needs: JobState, runs: bool = True, threads: int = 1) -> JobState:
    return JobState(
        rule,
        {"split": "a"},
        inputs=[],
        outputs=[f"exp/x/{rule}.out"],
        log=f"exp/x/logs/{rule}.log",
        benchmark=f"exp/x/benchmarks/{rule}.tsv",
        threads=threads,
        mem_mb=None,
        runs=runs,
        needs=list(needs),
        from_jobs=[other for other in needs if other.runs],
    )


def recorded(**options: object) -> str:
    """Options as Snakemake records a parameter."""
    return repr(json.dumps(options))


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is said of two states of a rule's parameters, of which Snakemake keeps the values."""
    old, new = set(before.values()), set(now.values())
    return sorted(changed_options(now, new - old, old - new))


def test_a_changed_option_is_named_with_both_values() -> None:
    before = {"options": recorded(beam=15, deep={"a": 1, "b": [3]}), "seed": "1"}
    now = {"options": recorded(beam=12, deep={"a": 1, "b": [2]}), "seed": "1"}
    assert differences(before, now) == ["changed options: beam 15 → 12, deep.b [3] → [2]"]


def test_of_two_option_sections_each_is_compared_with_its_own() -> None:
    before = {"one": recorded(a=1, b=9), "two": recorded(a=1, c=3, d=4)}
    now = {"one": recorded(a=1, b=2), "two": recorded(a=1, c=3, d=5)}
    assert differences(before, now) == ["changed one: b 9 → 2", "changed two: d 4 → 5"]


def test_a_new_and_a_removed_key() -> None:
    before, now = {"o": recorded(a=1, b=2)}, {"o": recorded(a=1, c=2)}
    assert differences(before, now) == ["changed o: b 2 → (not set), c (not set) → 2"]


def test_a_digest_is_code_and_a_number_an_option() -> None:
    before = {"code": repr("fedcba9876543210"), "seed": "1"}
    now = {"code": repr("0123456789abcdef"), "seed": "2"}
    assert differences(before, now) == ["changed code", "changed seed: 1 → 2"]


def test_only_the_code_is_named_where_the_options_are_as_they_were() -> None:
    options = {"rate": "8000", "seed": "1", "output_dir": repr("exp/demo/data")}
    before = {**options, "code": repr("fedcba9876543210")}
    now = {**options, "code": repr("0123456789abcdef")}
    assert differences(before, now) == ["changed code"]


def test_what_did_not_change_is_not_named() -> None:
    now = {"code": repr("0123456789abcdef"), "seed": "2"}
    assert differences(now, now) == []


def test_roots_are_where_the_need_comes_from() -> None:
    first, done = job("first"), job("done", runs=False)
    first.causes = ["changed code"]
    middle = job("middle", first, done)
    last = job("last", middle, first)
    last.causes = ["changed seed: 1 → 2"]
    assert {root.rule for root in roots(last)} == {"first", "last"}
    assert [root.rule for root in roots(middle)] == ["first"]


def test_states_of_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_recipe({"recipe": "demo"})
    data, lang, mono = job("prepare_data", runs=False), job("prepare_lang"), job("train_mono")
    lang.causes = ["changed options: x 1 → 2"]
    mono.from_jobs = [lang]
    mono.needs = [data, lang]
    for item, text in ((data, "12345"), (lang, "123"), (mono, "1")):
        Path(item.outputs[0]).parent.mkdir(parents=True, exist_ok=True)
        Path(item.outputs[0]).write_text(text)
    Path("exp/x/benchmarks").mkdir()
    Path("exp/x/benchmarks/prepare_data.tsv").write_text("s\th:m:s\tmax_rss\n2.5\t0:00:02\t100.0\n")
    missing = job("score")
    missing.causes = [f"missing: {missing.outputs[0]}"]
    found = {row.name: row for row in stage_states(config, [data, lang, mono, missing])}
    assert (found["data"].state, found["data"].seconds, found["data"].num_bytes) == ("done", 2.5, 5)
    assert (found["lang"].state, found["lang"].reason) == ("stale", "changed options: x 1 → 2")
    assert (found["mono"].state, found["mono"].reason) == ("stale", "follows from lang")
    assert (found["score"].state, found["score"].to_run) == ("missing", 1)


def test_a_job_is_found_by_any_of_its_files() -> None:
    jobs = [job("one"), job("two")]
    assert find_job(jobs, "exp/x/two.out").rule == "two"
    assert find_job(jobs, "exp/x/logs/one.log").rule == "one"
    with pytest.raises(ConfigError, match=r"exp/x/no\.out: no job .*exp/x/one\.out"):
        find_job(jobs, "exp/x/no.out")


def test_finish_time_is_the_longest_path_where_cores_suffice() -> None:
    a, b = job("a"), job("b")
    c = job("c", a, b)
    costs = {0: Cost(3.0, None, 0), 1: Cost(5.0, None, 0), 2: Cost(2.0, None, 0)}
    assert finish_time([a, b, c], costs, cores=2) == 7.0
    assert finish_time([a, b, c], costs, cores=1) == 10.0


def test_a_job_of_two_threads_waits_for_both_cores() -> None:
    a, b = job("a"), job("b", threads=2)
    costs = {0: Cost(3.0, None, 0), 1: Cost(5.0, None, 0)}
    assert finish_time([a, b], costs, cores=2) == 8.0
    assert finish_time([a, b], costs, cores=3) == 5.0
    assert finish_time([a, b], costs, cores=1) == 8.0  # threads never exceed the cores


def test_costs_of_own_runs_of_the_rule_and_of_other_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, seconds in (("exp/x/benchmarks/own.tsv", 2), ("exp/y/benchmarks/other.tsv", 7)):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text(f"s\tmax_rss\n1\t5\n{seconds}\t-\n")
    assert benchmark_seconds(Path("exp/x/benchmarks/own.tsv")) == (2.0, None)  # the last run counts
    assert benchmark_seconds(Path("exp/x/benchmarks/none.tsv")) is None
    own, other, unknown = job("own"), job("other"), job("unknown")
    found = make_plan([own, other, unknown, job("done", runs=False)], "exp/x")
    assert [found.costs[i].seconds for i in sorted(found.costs)] == [2.0, 7.0]
    assert (len(found.jobs), found.from_elsewhere) == (3, 1)
    stored = {name: Cost(9.0, None, 0) for name in ("own", "other")}
    found = make_plan([own, other, unknown], "exp/x", stored)
    assert [found.costs[i].seconds for i in sorted(found.costs)] == [2.0, 9.0]
    assert (found.from_elsewhere, found.published) == (0, 1)
    assert cost_elsewhere(unknown, "exp/x", ["exp/y"]) is None
    alike = [(own, Cost(2.0, 10.0, 4)), (job("own"), Cost(4.0, None, 8))]
    assert guess_cost(own, alike) == Cost(3.0, 10.0, 6)


def test_up_to_takes_stages_and_what_they_need() -> None:
    config = load_recipe({"recipe": "demo"})
    data, features = job("prepare_data"), job("extract_features")
    features.needs = [data]
    lang = job("prepare_lang", data)
    assert up_to([data, features, lang], config, ["features"]) == [data, features]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.6, "1 h 00 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("num_bytes", "said"), [(0, "0 B"), (1000, "1.0 kB"), (5.25e9, "5.2 GB"), (2e12, "2000.0 GB")]
)
def test_sizes(num_bytes: float, said: str) -> None:
    assert size(num_bytes) == said
