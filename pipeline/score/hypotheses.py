"""Hypotheses of a decoder: one best path for each utterance and search setting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines


class Setting(NamedTuple):
    """The two weights that are chosen after the search."""

    lm_weight: float  # inverse of the acoustic scale
    insertion_penalty: float  # cost added for each word


@dataclass(frozen=True)
class Hypothesis:
    """One best path; costs are -log, the acoustic one unscaled."""

    words: tuple[str, ...]
    acoustic_cost: float
    graph_cost: float

    def total_cost(self, setting: Setting) -> float:
        """The cost that the best path minimises at this setting."""
        acoustic = self.acoustic_cost / setting.lm_weight
        return acoustic + self.graph_cost + setting.insertion_penalty * len(self.words)


Hypotheses = dict[str, Hypothesis]  # utterance_id -> best path


def _parse(item: dict[str, Any]) -> tuple[str, Setting, Hypothesis]:
    words = item["words"]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("words is not a list of strings")
    setting = Setting(float(item["lm_weight"]), float(item["insertion_penalty"]))
    costs = float(item["acoustic_cost"]), float(item["graph_cost"])
    if not setting.lm_weight > 0 or math.isnan(sum(costs)):
        raise ValueError("lm_weight is not above 0, or a cost is not a number")
    return str(item["utterance_id"]), setting, Hypothesis(tuple(words), *costs)


def read_hypotheses(path: Path) -> dict[Setting, Hypotheses]:
    """Read hypotheses.jsonl: setting -> utterance_id -> best path.

    Raises:
        UserError: a damaged line, a missing field, or an utterance twice at one setting.
    """
    table: dict[Setting, Hypotheses] = {}
    for number, item in enumerate(read_json_lines(path), 1):
        try:
            utterance_id, setting, hypothesis = _parse(item)
        except (KeyError, TypeError, ValueError) as error:
            what = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{path}: line {number}: {what}; decode again") from None
        at_setting = table.setdefault(setting, {})
        if utterance_id in at_setting:
            raise UserError(
                f"{path}: {utterance_id}: comes twice at lm_weight {setting.lm_weight:g}, "
                f"penalty {setting.insertion_penalty:g}; decode again"
            )
        at_setting[utterance_id] = hypothesis
    return table
