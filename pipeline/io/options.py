"""Options handed to a program as JSON, checked against their model."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.io.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


def validate_options(model: type[Model], raw: Any, where: str) -> Model:
    """Check a mapping against `model`.

    Args:
        where: what the user calls these options, for the message.
    Raises:
        UserError: names the first wrong key.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(all of it)"
        known = ", ".join(model.model_fields)
        raise UserError(f"{where}: {key}: {first['msg']}; known keys: {known}") from None


def parse_options(model: type[Model], text: str, where: str) -> Model:
    """Check JSON text against `model`.

    Raises:
        UserError: not JSON, or a wrong key or value.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({error}); quote it for the shell") from None
    return validate_options(model, raw, where)
