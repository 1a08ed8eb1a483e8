"""Which measured jobs the real-time factor of a search is made of."""

from __future__ import annotations

from typing import Any

from pipeline.report.real_time import real_time_factor
from tests.report.toy_run import toy_config

SECONDS = 100.0


def jobs(**cpu: float) -> list[dict[str, Any]]:
    """Rows of benchmarks of the split official; __ in a name is a slash."""
    return [{"job": f"official/decode/{name}", "cpu_seconds": s} for name, s in cpu.items()]


MEASURED = jobs(
    **{"tri1_loglikes": 1, "tri1_loop_k2": 5, "tri1_loop_kaldi": 7, "tri1_g1_k2": 50},
    **{"tri1_p_loglikes": 100, "tri1_p_loop_k2": 100, "lstm_loglikes": 2, "lstm_loop_k2": 3},
    **{"sat_loop_loglikes": 20, "adapted_loop_loglikes": 4, "adapted_loop_k2": 6},
)
CONFIG = toy_config(
    gmm={
        "mono": {"type": "mono"},
        "tri1": {"type": "deltas", "alignment": "mono"},
        "tri1_p": {"type": "deltas", "alignment": "mono"},
        "sat": {"type": "sat", "alignment": "tri1"},
    },
    nnet={
        "lstm": {"alignment": "tri1"},
        "adapted": {"alignment": "sat", "features": "fmllr"},
    },
)


def test_likelihoods_search_and_the_pass_that_adapts() -> None:
    found = {
        model: real_time_factor(CONFIG, MEASURED, SECONDS, ("official", "loop", model, "k2"))
        for model in ("tri1", "lstm", "adapted")
    }
    assert found == {"tri1": 0.06, "lstm": 0.05, "adapted": 0.30}


def test_what_was_not_measured_has_none() -> None:
    for place in (
        ("official", "loop", "lstm", "kaldi"),
        ("theo", "loop", "lstm", "k2"),
        ("official", "loop", "mono", "k2"),
    ):
        assert real_time_factor(CONFIG, MEASURED, SECONDS, place) is None
    rows = [{**row, "cpu_seconds": None} for row in MEASURED]
    assert real_time_factor(CONFIG, rows, SECONDS, ("official", "loop", "tri1", "k2")) is None
    assert real_time_factor(CONFIG, MEASURED, 0.0, ("official", "loop", "tri1", "k2")) is None


def test_all_shards_or_none() -> None:
    config = CONFIG.model_copy(
        update={"decode": CONFIG.decode.model_copy(update={"num_shards": 2})}
    )
    place = ("official", "loop", "lstm", "k2")
    halves = jobs(lstm_loglikes=2, lstm_loop_k2_0=3, lstm_loop_k2_1=4)
    assert real_time_factor(config, halves, SECONDS, place) == 0.09
    assert real_time_factor(config, halves[:2], SECONDS, place) is None


def test_a_grammar_that_rescores_has_none() -> None:
    grammars = {
        "loop": {"type": "ngram", "order": 2},
        "larger": {"type": "ngram", "order": 3, "rescores": "loop"},
    }
    config = toy_config(grammars=grammars)
    measured = jobs(lstm_loglikes=2, lstm_larger_k2=3)
    assert real_time_factor(config, measured, SECONDS, ("official", "larger", "lstm", "k2")) is None
