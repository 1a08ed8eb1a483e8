"""The smallest recipe with two splits, a ladder and a network; nothing of it is run."""

from __future__ import annotations

from typing import Any

TOY: dict[str, Any] = {
    "recipe": "toy",
    "title": "Toy",
    "corpus": {"name": "demo"},
    "splits": ["a", "b"],
    "gmm": {
        "mono": {"type": "mono"},
        "tri": {"type": "deltas", "alignment": "mono"},
        "sat": {"type": "sat", "alignment": "tri"},
    },
    "nnet": {"net": {"alignment": "tri"}},
    "grammars": {"g": {"type": "loop"}},
}
