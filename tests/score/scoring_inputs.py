"""Small cuts and hypotheses files for the scoring tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.io.json_lines import write_json_lines

TEXTS = {"a-1": ("a", "ONE TWO"), "a-2": ("a", "TWO"), "b-1": ("b", "ONE ONE ONE")}


def write_cuts(path: Path, texts: dict[str, tuple[str, str]]) -> Path:
    """A cuts manifest with what scoring reads, in lhotse's form."""
    write_json_lines(
        path,
        (
            {
                "id": utterance_id,
                "start": 0,
                "duration": 1.0,
                "channel": 0,
                "supervisions": [
                    {
                        "id": utterance_id,
                        "recording_id": utterance_id,
                        "start": 0.0,
                        "duration": 1.0,
                        "channel": 0,
                        "text": text,
                        "speaker": speaker,
                    }
                ],
                "type": "MonoCut",
            }
            for utterance_id, (speaker, text) in texts.items()
        ),
    )
    return path


def line(
    utterance_id: str, text: str, lm_weight: float = 12.0, penalty: float = 0.0, **more: Any
) -> dict[str, Any]:
    """One line of hypotheses.jsonl."""
    return {
        "utterance_id": utterance_id,
        "lm_weight": lm_weight,
        "insertion_penalty": penalty,
        "words": text.split(),
        "acoustic_cost": 120.0,
        "graph_cost": 3.0,
        **more,
    }
