"""What all sections of a configuration share: their base, bounded numbers, reserved names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = r"[a-z0-9_]+"
Name = Annotated[str, Field(pattern=rf"^{NAME}$")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Warp = Annotated[float, Field(ge=0.7, le=1.4)]  # of the frequency axis; 1 leaves it alone

# Stages that are not a GMM rung or a network, and all folders beside theirs in a split's folder.
STAGE_NAMES = (
    *("data", "features", "lang", "align", "whole_word", "graph", "lm"),
    *("decode", "rescore", "score", "report"),
)
SPLIT_FOLDERS = (*STAGE_NAMES, "grammars", "lms")
# Beside the splits' folders.
RUN_FOLDERS = ("data", "features", "lang", "logs", "benchmarks", "report")


class ConfigError(ValueError):
    """A configuration that is not valid; the message is one line with the file and the key."""


class Options(BaseModel):
    """Base of all option models: frozen, and no key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
