"""Program: results of a study's trainings -> stored runs, and the page with its figures."""

from __future__ import annotations

import argparse
import gzip
import json
import platform
from pathlib import Path
from typing import Any

from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines
from pipeline.study.batch import read_results
from pipeline.study.design import load_study
from pipeline.study.page import write_page


def main() -> None:
    """Add new results to the stored runs, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe-dir", type=Path, required=True, help="holds study.yaml")
    parser.add_argument("--results", type=Path, nargs="*", default=[], help="folders of results")
    parser.add_argument("--machine", help="what made these results; default: this machine")
    args = parser.parse_args()
    folder: Path = args.recipe_dir
    study = load_study(folder / "study.yaml")
    stored = folder / "runs.jsonl.gz"
    runs: dict[str, dict[str, Any]] = {}
    if stored.is_file():
        runs = {result["run_id"]: result for result in read_json_lines(stored)}
    machine = args.machine or f"{platform.machine()} with {platform.system()}"
    for results in args.results:
        for result in read_results(results):
            runs[result["run_id"]] = {**result, "machine": machine}
    planned = {cell.run_id for name in study.questions for cell in study.cells(name)}
    runs = {run_id: runs[run_id] for run_id in sorted(planned & runs.keys())}
    if not runs:
        raise UserError(f"{stored}: no run of this study; run its trainings first")
    text = "".join(json.dumps(runs[name], separators=(",", ":")) + "\n" for name in runs)
    write_bytes(stored, gzip.compress(text.encode(), mtime=0))
    machines = sorted({str(result.get("machine", "")) for result in runs.values()})
    command = f"python -m pipeline.bin.study_page --recipe-dir {folder}"
    write_page(study, runs, {"machine": "; ".join(machines)}, folder, command)


if __name__ == "__main__":
    run(main)
