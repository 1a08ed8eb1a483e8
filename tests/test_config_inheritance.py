"""A configuration merged over its base's, and with the changes of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ConfigError, load_config, merge
from tests.test_config import SMALLEST


def test_merge_keeps_what_is_not_named_and_null_removes() -> None:
    base = {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2]}
    assert merge(base, {"a": {"c": {"d": 3}}}) == {"a": {"b": 1, "c": {"d": 3}}, "e": [1, 2]}
    assert merge(base, {"e": [3]}) == {"a": {"b": 1, "c": {"d": 2}}, "e": [3]}
    assert merge(base, {"a": {"b": None}, "e": None}) == {"a": {"c": {"d": 2}}}
    assert merge(base, {"x": None}) == base
    assert base == {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2]}


def write_recipe(folder: Path, name: str, raw: dict[str, Any]) -> Path:
    path = folder / name / "config.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


def test_a_recipe_inherits_from_its_base_and_that_from_its_own(tmp_path: Path) -> None:
    first = {**SMALLEST, "output": "elsewhere", "features": {"num_ceps": 12, "norm_vars": True}}
    write_recipe(tmp_path, "first", first)
    tri1 = {"type": "deltas", "alignment": "mono"}
    middle = {"base": "first", "recipe": "middle", "title": "M", "gmm": {"tri1": tri1}}
    write_recipe(tmp_path, "middle", middle)
    last = {"features": {"num_ceps": None}, "nnet": None, "decode": {"beam": 9}}
    path = write_recipe(
        tmp_path, "last", {"base": "middle", "recipe": "last", "title": "L", **last}
    )
    config = load_config(path, {"seed": 7})
    # The same as if all of it stood in one file.
    whole = {
        **SMALLEST,
        "recipe": "last",
        "title": "L",
        "seed": 7,
        "features": {"norm_vars": True},
        "gmm": {"mono": {"type": "mono"}, "tri1": tri1},
        "decode": {"beam": 9},
    }
    del whole["nnet"]
    assert config == load_config(write_recipe(tmp_path, "whole", whole))
    assert list(config.gmm) == ["mono", "tri1"]  # the order of training
    assert config.root == "exp/last"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"base": "none"}, "a/config.yaml: base: there is no recipe none ("),
        ({"base": "../b"}, "a/config.yaml: base: '../b': must be the name of another recipe"),
        ({"base": ["b"]}, "a/config.yaml: base: ['b']: must be the name of another recipe"),
        ({"base": "a"}, "a/config.yaml: base: the recipes inherit in a circle: a -> a"),
        ({"base": "b"}, "c/config.yaml: base: the recipes inherit in a circle: b -> c -> b"),
        ({"base": "d"}, "d/config.yaml: expected a mapping of sections, found list"),
        ({"base": "whole"}, "a/config.yaml: recipe: Field required"),
        ({"base": "whole", "recipe": "a", "title": "A", "x": 1}, "a/config.yaml: x: unknown key"),
    ],
)
def test_a_base_that_is_none_is_said_in_one_line(
    tmp_path: Path, raw: dict[str, Any], said: str
) -> None:
    write_recipe(tmp_path, "whole", SMALLEST)
    write_recipe(tmp_path, "b", {"base": "c"})
    write_recipe(tmp_path, "c", {"base": "b"})
    (tmp_path / "d").mkdir()
    (tmp_path / "d/config.yaml").write_text("- a\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(write_recipe(tmp_path, "a", raw))
    assert str(caught.value).startswith(f"{tmp_path}/{said}")
    assert "\n" not in str(caught.value)


TREES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3),
    lambda below: st.dictionaries(st.sampled_from("abc"), below | st.integers(0, 3), max_size=3),
    max_leaves=6,
)


@given(TREES, TREES)
def test_merging_the_same_changes_twice_changes_nothing_more(
    base: dict[str, Any], changes: dict[str, Any]
) -> None:
    once = merge(base, changes)
    assert merge(once, changes) == once
    assert merge(changes, changes) == changes
    assert merge(base, {}) == base
