"""Results of a study's trainings: one file each as they are made, all together once stored."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.io.atomic import write_bytes
from pipeline.io.json_lines import read_json_lines

Runs = dict[str, dict[str, Any]]  # run_id -> result
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)  # of an epoch's gradient norms


def result_file(folder: Path, run_id: str) -> Path:
    """Where a training's result lies."""
    return folder / f"{run_id}.json"


def read_results(folder: Path) -> Iterator[dict[str, Any]]:
    """Results as they were made, in the order of their ids."""
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def stored_file(recipe_dir: Path) -> Path:
    """Where a study keeps its results."""
    return recipe_dir / "runs.jsonl.gz"


def read_stored(path: Path) -> Runs:
    """Stored results; none if there is no such file."""
    if not path.is_file():
        return {}
    return {result["run_id"]: result for result in read_json_lines(path)}


def write_stored(path: Path, runs: Runs) -> None:
    """Write results in the order of their ids; the same results give the same bytes."""
    lines = (json.dumps(runs[name], separators=(",", ":")) + "\n" for name in sorted(runs))
    write_bytes(path, gzip.compress("".join(lines).encode(), mtime=0))
