"""Options of the clipping methods: defaults, keys that a method does not take, round trips."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from pipeline.config import ClippingOptions, ConfigError, load_config
from pipeline.nnet.clipping import METHODS

ROOT = Path(__file__).parents[2]


def test_methods_and_options_name_the_same() -> None:
    named = get_args(ClippingOptions.model_fields["method"].annotation)
    assert list(named) == list(METHODS) == list(ClippingOptions.KEYS)


@pytest.mark.parametrize("method", METHODS)
def test_defaults_are_the_methods_own_and_go_through_json(method: str) -> None:
    options = ClippingOptions.model_validate({"method": method})
    dumped = options.model_dump(mode="json")
    keys = ClippingOptions.KEYS[method]
    assert {name: dumped[name] for name in keys} == keys
    assert set(dumped) == {*keys, *ClippingOptions.KEYS_OF_ALL}
    assert ClippingOptions.model_validate_json(options.model_dump_json()) == options


def test_without_anything_it_is_norm_clipping_at_5() -> None:
    assert (ClippingOptions().method, ClippingOptions().threshold) == ("norm", 5.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "zclip", "history": 9}, "method 'zclip' has no key 'history'; its keys: thre"),
        ({"treshold": 5.0}, "method 'norm' has no key 'treshold'; its keys: threshold, until_"),
        ({"method": "nrom"}, "Input should be 'none', 'value'"),
        ({"method": "agc", "threshold": "1/sqrt(d)"}, "is for value, norm, tensor_norm, normal"),
        ({"method": "value", "bounds": "model"}, "give bounds a number"),
        ({"method": "autoclip", "threshold": 110}, "percentile, at most 100"),
        ({"threshold": 0}, "greater than 0"),
        ({"loss_tau": 1.0}, "greater than 1"),
    ],
)
def test_mistakes_are_one_line(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        ClippingOptions.model_validate(values)
    raw = yaml.safe_load((ROOT / "recipes/demo/config.yaml").read_text())
    raw["nnet"]["lstm"]["clipping"] = values
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError) as error:
        load_config(path)
    text = str(error.value)
    assert text.startswith(f"{path}: nnet.lstm.clipping")
    assert message in text
    assert "\n" not in text
