"""A line of hypotheses.jsonl, as the searches and rescoring write it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.decode.options import Setting
from pipeline.decode.rounding import DECIMALS


def hypothesis_line(
    utterance_id: str,
    setting: Setting,
    words: Iterable[str],
    acoustic_cost: float,
    graph_cost: float,
) -> dict[str, Any]:
    """What is said at a setting; the acoustic cost is not scaled."""
    return {
        "utterance_id": utterance_id,
        "lm_weight": setting.lm_weight,
        "insertion_penalty": setting.insertion_penalty,
        "words": list(words),
        "acoustic_cost": round(acoustic_cost, DECIMALS),
        "graph_cost": round(graph_cost, DECIMALS),
    }
