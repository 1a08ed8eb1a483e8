"""Options as JSON: a wrong key or value is one clear error."""

from __future__ import annotations

import pytest

from pipeline.config import MfccOptions
from pipeline.io.errors import UserError
from pipeline.io.options import parse_options, validate_options


def test_valid_options_are_parsed() -> None:
    assert parse_options(MfccOptions, '{"sampling_rate": 8000}', "--options").num_ceps == 13


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"samplingrate": 8000}', r"--options: samplingrate: .*known keys: .*sampling_rate"),
        ('{"num_ceps": "many"}', r"--options: num_ceps"),
        ("{num_ceps: 13}", r"--options: not JSON"),
        ("[]", r"--options: \(all of it\)"),
    ],
)
def test_mistakes_name_the_key(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_options(MfccOptions, text, "--options")


def test_a_mapping_is_validated_too() -> None:
    with pytest.raises(UserError, match=r"corpus\.options: type"):
        validate_options(MfccOptions, {"type": "plp"}, "corpus.options")
