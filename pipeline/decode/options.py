"""Options of the search, as both decoders' environments read them (no pydantic there).

The fields are those of ``pipeline.config.DecodeOptions``, which says what they mean and has
validated them before they come here as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from pipeline.io.errors import UserError


@dataclass(frozen=True)
class Setting:
    """One pair of scales by which a best path is chosen."""

    lm_weight: float
    insertion_penalty: float


@dataclass(frozen=True)
class SearchOptions:
    """Beams are in scaled costs: acoustic costs over ``lm_weight`` plus graph costs."""

    beam: float = 15.0
    lattice_beam: float = 8.0
    max_active: int = 7000
    lm_weight: float = 12.0
    insertion_penalty: float = 0.0
    lm_weights: tuple[float, ...] = tuple(float(w) for w in range(7, 18))
    insertion_penalties: tuple[float, ...] = (0.0, 0.5, 1.0)
    decoders: tuple[str, ...] = ("k2", "kaldi")  # for the workflow; not used here
    tune_split: str | None = None  # for the workflow; not used here
    num_shards: int = 1  # for the workflow; not used here

    @property
    def settings(self) -> list[Setting]:
        """All (lm_weight, insertion_penalty) pairs, the fixed one among them, ascending."""
        pairs = {(w, p) for w in self.lm_weights for p in self.insertion_penalties}
        pairs.add((self.lm_weight, self.insertion_penalty))
        return [Setting(*pair) for pair in sorted(pairs)]

    @classmethod
    def from_json(cls, text: str, where: str = "--options") -> SearchOptions:
        """From DecodeOptions as JSON.

        Raises:
            UserError: not JSON, an unknown key, or a value out of its bounds.
        """
        try:
            raw = json.loads(text)
            known = {field.name for field in fields(cls)}
            for key in raw:
                if key not in known:
                    raise UserError(f"{where}: {key}: unknown key; known are {', '.join(known)}")
            whole = {field.name for field in fields(cls) if field.type == "int"}
            options = cls(**{key: _value(value, key in whole) for key, value in raw.items()})
            weights = (options.lm_weight, *options.lm_weights)
            for name, value in (("beam", options.beam), ("lattice_beam", options.lattice_beam)):
                if not value > 0:
                    raise UserError(f"{where}: {name}: must be above 0, not {value}")
            if options.max_active < 1 or not all(weight > 0 for weight in weights):
                raise UserError(f"{where}: max_active and lm_weights must be above 0")
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{where}: cannot be read ({error}); give DecodeOptions as JSON"
            ) from None
        return options


def _value(value: Any, is_whole: bool) -> Any:
    """As the field has it: JSON has lists, and may write 6 for 6.0."""
    if isinstance(value, list):
        return tuple(_value(part, is_whole) for part in value)
    return float(value) if isinstance(value, int) and not is_whole else value
